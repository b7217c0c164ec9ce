/** The image and the chart on a real node: installed, at work, upgraded in the middle of it, and removed. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectOnePointEach } from '../chaos/account.ts';
import type { Cluster, KubernetesObject } from '../controlplane/cluster.ts';
import { waitFor } from '../controlplane/wait.ts';
import { release, run } from '../integration/chart/release.ts';
import { chartFolder, helm } from '../support/helm.ts';
import { type AnyObject, fastFlags, operatorNamespace, Stage } from '../support/stage.ts';
import { everything } from './everything.ts';
import { repository } from './images.ts';
import { readPlace } from './place.ts';
import { nodeAddress, type Pod, prepareNamespaces, WorkerNode } from './worker-node.ts';

const place = readPlace();
/** Longer than the tests take: what is begun at Azure stays in hand until a test lets time pass there. */
const longSeconds = 6 * 60 * 60;

let stage: Stage;
let node: WorkerNode;
let team: string;
let before: Set<string>;
let rolesBefore: unknown;

/** Values of the chart, as somebody might have them in a file, and the intervals of tests. */
let values: { image: { repository: string; tag: string }; [name: string]: unknown };

beforeAll(async () => {
  await prepareNamespaces();
  stage = await Stage.set({
    azure: {
      hostname: nodeAddress,
      listenHost: nodeAddress,
      speed: 20,
      durations: { replicationSeconds: longSeconds, replicationRefreshSeconds: 600 },
    },
    controllerManager: true,
    install: async (cluster) => {
      node = await WorkerNode.start(cluster, place);
      await cluster.apply({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: operatorNamespace,
          labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
        },
      });
      team = await cluster.createNamespace('team');
      return ''; // no operator runs outside Pods
    },
  });
  const { azure } = stage;
  const ports = [azure.resourceManagerUrl, azure.authorityUrl].map((url) => Number(new URL(url).port));
  values = {
    image: { repository, tag: place.tags.first },
    networkPolicy: { enabled: true, egressPorts: [443, ...ports] },
    // Who leads and which cluster this is are left as the chart has them.
    extraArgs: fastFlags.filter((flag) => !/^--(leader-elect|cluster-id)=/.test(flag)),
  };
});

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail' && node !== undefined)
    process.stderr.write(`${await node.report(operatorNamespace)}\n`);
});

afterAll(() => stage?.[Symbol.asyncDispose]());

const upgrade = () =>
  run(stage.cluster, ['upgrade', release, chartFolder, '-n', operatorNamespace, '--wait', '--timeout=5m'], {
    values,
  });

/** The Pod whose operator leads. */
async function leader(): Promise<Pod> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${operatorNamespace}/leases/${release}`;
  return waitFor('a leader among the Pods', async () => {
    const { spec } = await stage.cluster.request<{ spec: { holderIdentity: string } }>('GET', path);
    const pods = await node.pods(operatorNamespace);
    // A Pod's host name is its own.
    return pods.find(({ metadata }) => spec.holderIdentity.startsWith(`${metadata.name}_`));
  });
}

/** Waits until a release has two Pods of an image, Ready, and no other operator runs. */
async function settled(tag: string): Promise<Pod[]> {
  return waitFor(
    'two Ready Pods and no others',
    async () => {
      const pods = await node.pods(operatorNamespace);
      const all = pods.every(
        ({ spec, status }) =>
          spec.containers[0]?.image === `${repository}:${tag}` &&
          status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
      );
      return all && pods.length === 2 && (await node.operatorProcesses()).length === 2 ? pods : undefined;
    },
    { deadline: 120_000, interval: 500 },
  );
}

/** The rules of the cluster's own roles, which the chart's aggregated roles add to. */
async function rulesOfRoles(cluster: Cluster): Promise<unknown> {
  const names = ['view', 'edit', 'admin'];
  const roles = await Promise.all(
    names.map((name) =>
      cluster.request<KubernetesObject>('GET', `/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`),
    ),
  );
  return roles.map(({ rules }) => rules);
}

describe('installed by helm where Pod Security is restricted,', () => {
  it('two replicas become Ready, and one leads', async () => {
    before = await everything(stage.cluster);
    rolesBefore = await rulesOfRoles(stage.cluster);
    await run(
      stage.cluster,
      ['install', release, chartFolder, '-n', operatorNamespace, '--wait', '--timeout=5m'],
      { values },
    );
    const pods = await settled(place.tags.first);
    expect(pods.map(({ status }) => status.containerStatuses?.[0]?.restartCount)).toEqual([0, 0]);
    const { metadata } = await leader();
    const leading = await Promise.all(
      pods.map(async (pod) => {
        const text = await (await fetch(`http://${pod.status.podIP}:8080/metrics`)).text();
        return [pod.metadata.name, /^keyframe_leader 1$/m.test(text)];
      }),
    );
    expect(Object.fromEntries(leading)).toEqual(
      Object.fromEntries(pods.map((pod) => [pod.metadata.name, pod.metadata.name === metadata.name])),
    );
  });

  it('they run as nobody in particular, without a capability, on a file system that is read only', async () => {
    for (const pid of await node.operatorProcesses()) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
      expect({
        user: field('Uid'),
        group: field('Gid'),
        capabilities: [field('CapEff'), field('CapPrm'), field('CapBnd')],
        noNewPrivileges: field('NoNewPrivs'),
        seccompFilter: field('Seccomp'),
      }).toEqual({
        user: '65532\t65532\t65532\t65532',
        group: '65532\t65532\t65532\t65532',
        capabilities: Array(3).fill('0000000000000000'),
        noNewPrivileges: '1',
        seccompFilter: '2',
      });
      const mounts = (await readFile(`/proc/${pid}/mounts`, 'utf8'))
        .split('\n')
        .map((line) => line.split(' '));
      const root = mounts.find(([, path]) => path === '/');
      expect(root?.[3]?.split(',')).toContain('ro');
    }
  });

  it('its NetworkPolicy is taken as it is; nothing here enforces one', async () => {
    const path = `/apis/networking.k8s.io/v1/namespaces/${operatorNamespace}/networkpolicies/${release}`;
    const { spec } = await stage.cluster.request<{ spec: { egress: { ports: { port: number }[] }[] } }>(
      'GET',
      path,
    );
    const open = spec.egress.flatMap(({ ports }) => ports.map(({ port }) => port));
    expect(open).toContain(Number(new URL(stage.azure.resourceManagerUrl).port));
  });

  it('a VM is snapshotted and copied into another region, disk by disk', async () => {
    stage.vm('app-1', { dataDisks: [{ name: 'app-1-data', sizeGB: 64 }] });
    // Time enough where everything shares a small machine.
    const limits = { requestTimeout: '10s', requestsPerSecond: 1000, maxConcurrent: 32 };
    await stage.provider(team, { spec: { limits } });
    await stage.reason('VMProvider', team, 'azure', 'Available');
    await stage.snapshot(team, 'first', 'app-1');
    const { status } = await stage.reason('VMSnapshot', team, 'first', 'Available');
    expect(status).toMatchObject({ provisioningState: 'Succeeded', readyToUse: true });
    expect(status?.disks).toHaveLength(2);

    await copy('first');
    await stage.until('RestorePointCopy', team, 'first-copy', 'replicating', replicates);
    stage.azure.skip(longSeconds / 2);
    const half = await stage.until(
      'RestorePointCopy',
      team,
      'first-copy',
      'half way',
      (object) => (object.status?.replication?.percent ?? 0) > 0,
    );
    expect(half.status).toMatchObject({ provisioningState: 'Succeeded', readyToUse: false });
    stage.azure.skip(longSeconds);
    const done = await stage.reason('RestorePointCopy', team, 'first-copy', 'Replicated');
    expect(done.status).toMatchObject({ readyToUse: true, replication: { percent: 100 } });
    expectOnePointEach(stage, [await stage.get('VMSnapshot', team, 'first'), done]);
  });
});

const copy = (snapshot: string) =>
  stage.make('RestorePointCopy', team, `${snapshot}-copy`, {
    source: { snapshotRef: { name: snapshot } },
    target: { location: 'North Europe' },
  });

const replicates = (object: AnyObject) => object.status?.replication?.state === 'Replicating';

describe('upgraded in the middle of running operations,', () => {
  /**
   * Begins work of all sorts and upgrades while it is in hand and more is asked for; then lets Azure end it.
   *
   * @param name for what is made; no two upgrades have the same
   */
  async function upgradeAtWork(name: string, change: () => void): Promise<void> {
    const vms = ['source', 'slow', 'removed'].map((role) => `${name}-${role}`);
    const [source = '', slow = '', removed = ''] = vms;
    stage.vm(source);
    stage.vm(slow, { createSeconds: longSeconds });
    stage.vm(removed);
    for (const vm of vms) await stage.snapshot(team, vm, vm);
    await stage.reason('VMSnapshot', team, source, 'Available');
    await stage.reason('VMSnapshot', team, removed, 'Available');
    await copy(source);
    await stage.until('RestorePointCopy', team, `${source}-copy`, 'replicating', replicates);
    await stage.until(
      'VMSnapshot',
      team,
      slow,
      'in hand at Azure',
      ({ status }) => status?.provisioningState === 'Creating',
    );
    const oldPods = await node.pods(operatorNamespace);

    change();
    const rollout = { ended: false };
    const upgrading = upgrade().finally(() => {
      rollout.ended = true;
    });
    await stage.remove('VMSnapshot', team, removed);
    const asked: string[] = [];
    while (!rollout.ended) {
      const vm = `${name}-${asked.length}`;
      stage.vm(vm);
      await stage.snapshot(team, vm, vm);
      asked.push(vm);
      await delay(1_000);
    }
    await upgrading;
    const pods = await settled(values.image.tag);
    const names = (list: Pod[]) => list.map(({ metadata }) => metadata.name);
    expect(names(pods).filter((pod) => names(oldPods).includes(pod))).toEqual([]);
    expect(names(pods)).toContain((await leader()).metadata.name);

    // Still in hand: whoever leads now did not begin it.
    expect((await stage.get('VMSnapshot', team, slow)).status).toMatchObject({
      provisioningState: 'Creating',
      readyToUse: false,
    });
    expect(replicates(await stage.get('RestorePointCopy', team, `${source}-copy`))).toBe(true);
    stage.azure.skip(longSeconds * 2);
    const snapshots: AnyObject[] = [];
    for (const snapshot of [source, slow, ...asked])
      snapshots.push(await stage.reason('VMSnapshot', team, snapshot, 'Available', 120_000));
    const copied = await stage.reason('RestorePointCopy', team, `${source}-copy`, 'Replicated', 120_000);
    await stage.gone('VMSnapshot', team, removed);

    expect(asked.length, 'snapshots that were asked for meanwhile').toBeGreaterThan(2);
    expectOnePointEach(stage, [...snapshots, copied]);
    const objects = [...(await stage.list('VMSnapshot')), ...(await stage.list('RestorePointCopy'))];
    expect(stage.azure.points()).toHaveLength(objects.length);
    expect(stage.azure.contractViolations).toEqual([]);
  }

  it('by a changed value: nothing is lost or made twice', async () => {
    await upgradeAtWork('value', () => {
      values = { ...values, workers: 4 };
    });
  });

  it('to a new image: nothing is lost or made twice', async () => {
    await upgradeAtWork('image', () => {
      values = { ...values, image: { ...values.image, tag: place.tags.next } };
    });
    const logs = await node.logs(operatorNamespace);
    for (const { metadata } of await node.pods(operatorNamespace))
      expect(logs[metadata.name]).toContain(`"version":"${place.tags.next}"`);
  });
});

describe('uninstalled,', () => {
  it('leaves the kinds, all objects and the Lease, and nothing else', async () => {
    const objects = await stage.list('VMSnapshot', team);
    const { stderr, code } = await helm(
      ['uninstall', release, '-n', operatorNamespace, '--wait', '--timeout=5m'],
      { kubeconfig: stage.cluster.kubeconfigPath },
    );
    expect(code, stderr).toBe(0);
    await waitFor('the operators to end', async () =>
      (await node.operatorProcesses()).length === 0 ? true : undefined,
    );
    let left: string[] = [];
    const stays = (name: string) =>
      /^customresourcedefinitions\S* \/\w+\.keyframe\.dev$/.test(name) || name.includes(` ${team}/`);
    await waitFor('what helm made to go', async () => {
      const now = await everything(stage.cluster);
      left = [...now].filter((name) => !before.has(name) && !stays(name)).sort();
      return left.length <= 2 ? true : undefined;
    }).catch(() => undefined);
    expect(left).toEqual([
      'apiservices.apiregistration.k8s.io /v1alpha1.keyframe.dev',
      `leases.coordination.k8s.io ${operatorNamespace}/${release}`,
    ]);
    await waitFor("the cluster's own roles to be as before", async () => {
      const now = await rulesOfRoles(stage.cluster);
      return JSON.stringify(now) === JSON.stringify(rolesBefore) ? true : undefined;
    });
    expect(await stage.list('VMSnapshot', team)).toEqual(objects);
    expect(objects.every(({ status }) => status?.readyToUse === true)).toBe(true);
  });
});
