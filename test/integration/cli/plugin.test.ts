/** The plugin against a real API server, with the operator at work. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TreeData } from '../../../src/cli/tree-data.ts';
import { waitFor } from '../../controlplane/wait.ts';
import { operatorNamespace, Stage } from '../../support/stage.ts';
import { Plugin, person as personOf } from './plugin.ts';

let stage: Stage;
let namespace: string;
let plugin: Plugin;

beforeAll(async () => {
  stage = await Stage.set({
    azure: { durations: { replicationSeconds: 1200, replicationRefreshSeconds: 40 } },
  });
  namespace = await stage.cluster.createNamespace('plugin');
  plugin = new Plugin(stage.cluster.kubeconfigPath, namespace);
  stage.vm('db-1');
  await stage.operator([
    '--leader-elect=true',
    '--lease-duration=4s',
    '--renew-deadline=3s',
    '--retry-period=1s',
  ]);
  await stage.provider(namespace);
  await stage.reason('VMProvider', namespace, 'azure', 'Available');
});
afterAll(() => stage?.[Symbol.asyncDispose]());

const person = (...roles: string[]): Promise<Plugin> => personOf(stage.cluster, namespace, ...roles);

describe('snapshot', () => {
  it('follows one to its end, and says how it gets into Git', async () => {
    const { code, stdout, stderr } = await plugin.run('snapshot', 'db-1', '--name=nightly', '--wait');
    expect(stderr).toContain(
      `kubectl keyframe snapshot db-1 -n ${namespace} --name=nightly --provider=azure --dry-run=client -o yaml`,
    );
    expect(stderr).not.toContain('Follow it');
    expect(stdout.split('\n')[0]).toBe('vmsnapshot.keyframe.dev/nightly created');
    expect(stdout).toMatch(/^● vmsnap\/nightly {2}Available {2}FileSystem, \d+s ago$/m);
    expect(code).toBe(0);
  });

  it('prints a manifest that takes over the very snapshot once it is applied', async () => {
    const { stdout } = await plugin.run(
      ...['snapshot', 'db-1', '--name=nightly', '--provider=azure', '--dry-run=client', '-o', 'yaml'],
    );
    const before = await stage.get('VMSnapshot', namespace, 'nightly');
    const points = stage.azure.points().length;
    const applied = await stage.cluster.kubectl(['apply', '-f', '-'], { input: stdout });
    expect(applied).toMatchObject({ code: 0 });
    const after = await stage.get('VMSnapshot', namespace, 'nightly');
    expect([after.metadata.uid, after.spec]).toEqual([before.metadata.uid, before.spec]);
    expect(stage.azure.points()).toHaveLength(points);
  });

  it('ends in 1 with what to do when it failed', async () => {
    const { code, stdout } = await plugin.run('snapshot', 'web-11', '--name=typo', '--wait');
    expect(stdout).toContain('✗ vmsnap/typo  SourceNotFound');
    expect(stdout).toContain('→ Check the name or id, and that the provider is the right one.');
    expect(code).toBe(1);
  });

  it('ends in 3 when it is not at its end in time, and goes on', async () => {
    stage.vm('slow-1', { createSeconds: 1_500 });
    const slow = ['snapshot', 'slow-1', '--name=slow', '--wait', '--timeout=1s'];
    const { code, stderr } = await plugin.run(...slow);
    expect(stderr).toContain('Not at its end in time');
    expect(code).toBe(3);
    await stage.reason('VMSnapshot', namespace, 'slow', 'Available');
  });

  it('has the API server refuse what it would, and makes nothing', async () => {
    const { code, stderr } = await plugin.run(
      'snapshot',
      'web-1',
      '--name=short',
      '--ttl=1s',
      '--dry-run=server',
    );
    expect(stderr).toContain('write a duration such as 2h30m, or 168h for 7 days, from 1m to 87600h');
    expect(code).toBe(1);
    const names = (await stage.list('VMSnapshot', namespace)).map(({ metadata }) => metadata.name);
    expect(names).not.toContain('short');
  });

  it('says that a name is taken, and what a command line lacks', async () => {
    const taken = await plugin.run('snapshot', 'db-1', '--name=nightly');
    expect([taken.code, taken.stderr]).toEqual([
      1,
      expect.stringContaining('VMSnapshot nightly is there already'),
    ]);
    const empty = await plugin.run('snapshot');
    expect([empty.code, empty.stderr]).toEqual([
      2,
      expect.stringContaining('snapshot takes VM, not nothing'),
    ]);
  });
});

describe('status', () => {
  it('tells, line by line, how a copy comes along, until Ctrl-C', async () => {
    const watching = plugin.start('status', '-w');
    await waitFor('the first lines', async () => watching.said().includes('VMSnapshot/nightly') || undefined);
    await stage.make('RestorePointCopy', namespace, 'away', {
      source: { snapshotRef: { name: 'nightly' } },
      target: { location: 'northeurope' },
    });
    await waitFor(
      'the copy to be there',
      async () => /RestorePointCopy\/away .*Replicated/.test(watching.said()) || undefined,
    );
    watching.stop();
    const { code, stdout } = await watching.ended;
    expect(code).toBe(130);
    const percents = [...stdout.matchAll(/RestorePointCopy\/away +Replicating (\d+) %/g)].map(([, n]) =>
      Number(n),
    );
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
    expect(percents.some((percent) => percent > 0 && percent < 100)).toBe(true);
  });

  it('draws the tree, with copies below their snapshots and what is wrong', async () => {
    const { code, stdout } = await plugin.run('status');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^VM db-1 +by vmp\/azure, westeurope\n└─ ● vmsnap\/nightly +Available +FileSystem, \d+s ago\n {3}└─ ● rpcopy\/away +Replicated +\d+s ago, northeurope$/m,
    );
    expect(stdout).toMatch(
      /^└─ ✗ vmsnap\/typo +SourceNotFound\n {5}reading VM web-11: .*\n {5}→ Check the name/m,
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: there is no terminal, so there are no colours
    expect(stdout).not.toMatch(/\u001b/);
  });

  it('is to be had as data', async () => {
    const { stdout } = await plugin.run('status', 'vm/db-1', '-o', 'json');
    const { vms } = JSON.parse(stdout) as TreeData;
    expect(vms).toEqual([
      expect.objectContaining({ namespace, name: 'db-1', id: expect.stringContaining('/db-1') }),
    ]);
    expect(vms[0]?.children[0]).toMatchObject({
      kind: 'VMSnapshot',
      name: 'nightly',
      state: 'Ready',
      children: [{ kind: 'RestorePointCopy', name: 'away', state: 'Ready', percent: 100 }],
    });
    const yaml = await plugin.run('status', 'rpcopy/away', '-o', 'yaml');
    expect((load(yaml.stdout) as TreeData).vms[0]?.children).toHaveLength(1);
  });

  it('names what there is when a name is not there', async () => {
    const { code, stderr } = await plugin.run('status', 'vm/nope');
    expect(stderr).toContain('There is: vm/db-1, vm/slow-1, vm/web-11.');
    expect(code).toBe(1);
  });

  it('serves who may only look, and says what is not shown', async () => {
    const viewer = await person('keyframe-view');
    const { code, stdout, stderr } = await viewer.run('status');
    expect([code, stdout]).toEqual([0, expect.stringContaining('vmsnap/nightly')]);
    expect(stderr).toContain('Not shown: you may not list clustervmproviders.');
  });

  it('tells who may not even look what to ask for', async () => {
    const nobody = await person();
    const { code, stderr } = await nobody.run('status');
    expect(code).toBe(1);
    expect(stderr).toContain('403 Forbidden');
    expect(stderr).toContain('docs/security.md');
  });
});

describe('discover', () => {
  const collection = async () =>
    (await stage.get('VMSnapshot', namespace, 'nightly')).status?.snapshotID.replace(
      /\/restorePoints\/.*/,
      '',
    );

  it('asks the vendor now, shows what nobody manages, and removes what it asked by', async () => {
    const collectionId = await collection();
    for (const name of ['by-hand', `keyframe-test-${randomUUID()}-1`, `keyframe-elsewhere-${randomUUID()}-1`])
      stage.azure.addPoint({ collectionId, name });
    const { code, stdout, stderr } = await plugin.run('discover', '--collection', collectionId);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}foreign .* by-hand$/m);
    expect(stdout).toMatch(/^ {2}orphan .* keyframe-test-/m);
    expect(stdout).toMatch(/^ {2}other cluster .* keyframe-elsewhere-/m);
    expect(stdout).toContain('and 1 that objects of this cluster manage');
    expect(stderr).toContain('prints 2 manifests to adopt what nobody manages');
    expect(await stage.list('VMSnapshotInventory', namespace)).toEqual([]);
  });

  it('fails with what the operator says where it cannot be asked so, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await plugin.run('discover', '--vm', 'web', '-o', 'yaml');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: UnsupportedByProvider: spec\.scope\.vm is set, but Azure/m);
    expect(await stage.list('VMSnapshotInventory', namespace)).toEqual([]);
  });

  it('prints manifests that adopt it', async () => {
    await stage.make('VMSnapshotInventory', namespace, 'points', {
      providerRef: { name: 'azure' },
      scope: { collection: await collection() },
    });
    await stage.reason('VMSnapshotInventory', namespace, 'points', 'Available');
    const { stdout } = await plugin.run('discover', 'points', '-o', 'yaml');
    const applied = await stage.cluster.kubectl(['apply', '-f', '-'], { input: stdout });
    expect(applied).toMatchObject({ code: 0 });
    const names = (loadAll(stdout) as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(2);
    for (const name of names) await stage.reason('VMSnapshot', namespace, name, 'Available');
    const after = await plugin.run('discover', 'points', '--refresh', '-o', 'yaml');
    expect([after.stdout, after.stderr]).toEqual(['', 'There is nothing that could be adopted.\n']);
  });
});

describe('restore', () => {
  it('of a restore point of Azure is refused before anything is made', async () => {
    const { code, stderr } = await plugin.run('restore', 'vmsnap/nightly', '--in-place', '--yes');
    expect(stderr).toContain('Keyframe does not restore from these');
    expect(code).toBe(1);
    expect(await stage.list('VMRestore', namespace)).toEqual([]);
  });

  it('says that a snapshot is not there', async () => {
    const { code, stderr } = await plugin.run('restore', 'nope', '--in-place');
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`there is no VMSnapshot nope in namespace ${namespace}`),
    ]);
  });
});

describe('doctor', () => {
  interface Said {
    findings: { check: string; judgement: string; message: string; advice?: string }[];
  }
  const examine = async (by: Plugin, ...args: string[]) => {
    const { code, stdout, stderr } = await by.run('doctor', '-o', 'json', ...args);
    expect(stderr).toBe('');
    const { findings } = JSON.parse(stdout) as Said;
    const of = (check: string) => findings.filter((finding) => finding.check === check);
    return { code, findings, of };
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'keyframe',
      namespace: operatorNamespace,
      labels: { 'app.kubernetes.io/name': 'keyframe' },
    },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'keyframe' } },
      template: {
        metadata: { labels: { app: 'keyframe' } },
        spec: {
          serviceAccountName: 'keyframe',
          containers: [{ name: 'keyframe', image: 'keyframe:0.1.0', args: ['--log-level=info'] }],
        },
      },
    },
  };
  const path = `/apis/apps/v1/namespaces/${operatorNamespace}/deployments/keyframe`;

  it('finds an operator that runs outside of the cluster, and all else in order but what failed', async () => {
    const { code, findings, of } = await examine(plugin);
    expect(of('Operator')).toEqual([
      expect.objectContaining({
        judgement: 'warning',
        message: expect.stringContaining('outside of this cluster'),
      }),
    ]);
    for (const check of ['Kubernetes', 'Clock', 'Definitions', 'Your rights', 'Leader', 'Providers'])
      expect(of(check)).toEqual([expect.objectContaining({ judgement: 'ok' })]);
    expect(of('Definitions')[0]?.message).toContain('with the fields of this build');
    expect(of('Objects').map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/^vmsnap\/typo in .*: SourceNotFound: /),
    );
    expect(findings.filter(({ judgement }) => judgement === 'wrong')).toEqual([]);
    expect(code).toBe(0);
  });

  it('looks at the Deployment, the Lease and the rights of the operator', async () => {
    await stage.cluster.apply(deployment);
    await stage.cluster.request('PATCH', `${path}/status`, {
      status: { replicas: 1, readyReplicas: 1, availableReplicas: 1 },
    });
    const well = await examine(plugin);
    for (const check of ['Operator', 'Leader', 'Its rights'])
      expect(well.of(check)).toEqual([expect.objectContaining({ judgement: 'ok' })]);
    const version = await plugin.run('version');
    expect(version.stdout).toContain('keyframe:0.1.0');
  });

  it('names the right that the operator lacks, and the Secret that it may not read', async () => {
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/keyframe';
    const { rules } = await stage.cluster.request<{ rules: { resources: string[]; verbs: string[] }[] }>(
      'GET',
      role,
    );
    const less = rules
      .filter(({ resources }) => !resources.includes('secrets'))
      .map((rule) =>
        rule.resources.includes('vmsnapshots/status')
          ? { ...rule, resources: rule.resources.filter((each) => each !== 'vmsnapshots/status') }
          : rule,
      );
    await stage.cluster.request('PATCH', role, { rules: less });
    const ill = await waitFor('the API server to know the rule', async () => {
      const seen = await examine(plugin);
      return seen.of('Its rights').length === 2 ? seen : undefined;
    });
    await stage.cluster.request('PATCH', role, { rules });
    expect(ill.of('Its rights').map(({ message }) => message)).toEqual([
      `ServiceAccount ${operatorNamespace}/keyframe may not patch vmsnapshots/status`,
      `ServiceAccount ${operatorNamespace}/keyframe may not get secrets azure in namespace ${namespace}`,
    ]);
    expect(ill.code).toBe(1);
  });

  it('names a provider that is not ready, with what to do', async () => {
    await stage.provider(namespace, {
      name: 'wrong',
      secret: 'not-the-secret',
      spec: { probeInterval: '1s' },
    });
    await stage.reason('VMProvider', namespace, 'wrong', 'AuthenticationFailed');
    const { code, of } = await examine(plugin);
    expect(of('Providers')).toContainEqual(
      expect.objectContaining({
        judgement: 'wrong',
        message: expect.stringMatching(new RegExp(`^vmp/wrong in ${namespace}: AuthenticationFailed: `)),
      }),
    );
    expect(code).toBe(1);
    await stage.removed('VMProvider', namespace, 'wrong');
  });

  it('finds that definitions are older than this build', async () => {
    const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vmsnapshots.keyframe.dev';
    const { spec } = await stage.cluster.request<{ spec: { versions: object[] } }>('GET', definition);
    const versions = JSON.parse(JSON.stringify(spec.versions));
    delete versions[0].schema.openAPIV3Schema.properties.status.properties.vendor;
    await stage.cluster.request('PATCH', definition, { spec: { versions } });
    const old = await waitFor('the API server to publish it', async () => {
      const seen = await examine(plugin);
      return seen.of('Definitions')[0]?.judgement === 'wrong' ? seen : undefined;
    });
    await stage.cluster.request('PATCH', definition, { spec: { versions: spec.versions } });
    expect(old.of('Definitions')).toEqual([
      expect.objectContaining({
        message: expect.stringContaining('which the API server drops: VMSnapshot status.vendor'),
        advice: expect.stringContaining('kubectl apply --server-side -k crds'),
      }),
    ]);
  });

  it('tells who may only look what is not seen, and calls nothing of it wrong', async () => {
    const viewer = await person('keyframe-view');
    const { code, findings, of } = await examine(viewer);
    expect(of('Operator')).toEqual([expect.objectContaining({ judgement: 'unseen' })]);
    expect(of('Your rights')[0]?.message).toContain('you may see all, and make nothing');
    expect(findings.filter(({ judgement }) => judgement === 'wrong')).toEqual([]);
    expect(code).toBe(0);
  });

  it('finds that nobody leads any more, and that nobody looks at what is made', async () => {
    for (const operator of stage.operators) await operator.kill();
    const { code, of } = await waitFor('the Lease to be old', async () => {
      const seen = await examine(plugin);
      return seen.of('Leader')[0]?.judgement === 'wrong' ? seen : undefined;
    });
    expect(of('Leader')[0]).toMatchObject({
      message: expect.stringMatching(
        /^nobody leads: .* last renewed Lease keyframe-system\/keyframe \d+s ago$/,
      ),
      advice: expect.stringContaining('kubectl logs deployment/keyframe'),
    });
    expect(code).toBe(1);
  });
});

it('runs as a plugin of kubectl, by its name on the PATH', async () => {
  const path = join(stage.cluster.handle.folder, 'kubectl-keyframe');
  const main = join(import.meta.dirname, '../../../src/cli/main.ts');
  await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 });
  const before = process.env.PATH;
  process.env.PATH = `${stage.cluster.handle.folder}:${before}`;
  const { code, stdout } = await stage.cluster.kubectl(['keyframe', 'version', '--client']);
  process.env.PATH = before;
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^kubectl-keyframe \d/)]);
});
