import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../controlplane/wait.ts';
import { leaks } from '../../support/leaks.ts';
import type { OperatorProcess } from '../../support/operator-process.ts';
import { ready, Stage } from '../../support/stage.ts';

const clusterRole = fileURLToPath(new URL('../../../config/rbac/operator.yaml', import.meta.url));

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

describe('an operator', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.set({
      controllerManager: true,
      azure: {
        durations: { replicationSeconds: 100, replicationRefreshSeconds: 20 },
        // The less usual ways of Azure.
        behaviour: {
          rateLimitHeader: 'repeated',
          replicatedDisplayStatus: 'Replication succeeded',
        },
      },
    });
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  /** The rules of the ClusterRole that make sense in a namespace. */
  async function roleRules(): Promise<Rule[]> {
    const documents = loadAll(await readFile(clusterRole, 'utf8')) as { kind: string; rules?: Rule[] }[];
    const rules = documents.find(({ kind }) => kind === 'ClusterRole')?.rules ?? [];
    return rules
      .map((rule) => ({
        ...rule,
        resources: rule.resources.filter((resource) => !/^(clustervmproviders|namespaces)/.test(resource)),
      }))
      .filter(({ resources }) => resources.length > 0);
  }

  /** A ServiceAccount that may work in one namespace, by a Role alone. */
  async function account(namespace: string): Promise<{ namespace: string; name: string }> {
    const name = 'keyframe-here';
    await stage.cluster.apply([
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name, namespace },
        rules: await roleRules(),
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name, namespace },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      },
    ]);
    return { namespace, name };
  }

  /** The providers that an operator spoke for, by its log. */
  const served = ({ log }: OperatorProcess) =>
    new Set(log.map(({ provider }) => provider).filter((provider) => provider !== undefined));

  it('of single namespaces works with Roles alone, and says that it serves no ClusterVMProvider', async () => {
    const namespace = await stage.cluster.createNamespace('mine');
    const other = await stage.cluster.createNamespace('not-mine');
    for (const name of ['mine', 'not-mine', 'shared']) stage.vm(name);
    const operator = await stage.operatorAs(await account(namespace), [`--namespaces=${namespace}`]);
    await stage.provider(namespace);
    await stage.provider(other);
    await stage.snapshot(other, 'not-mine', 'not-mine');
    await stage.snapshot(namespace, 'mine', 'mine');
    await stage.make('RestorePointCopy', namespace, 'mine', {
      source: { snapshotRef: { name: 'mine' } },
      target: { location: 'northeurope' },
    });
    await stage.snapshot(namespace, 'shared', 'shared', {
      providerRef: { kind: 'ClusterVMProvider', name: 'shared' },
    });
    await stage.reason('VMSnapshot', namespace, 'mine', 'Available');
    await stage.reason('RestorePointCopy', namespace, 'mine', 'Replicated');
    const refused = await stage.reason('VMSnapshot', namespace, 'shared', 'WaitingForProvider');
    expect(ready(refused)?.message).toMatch(
      /ClusterVMProvider shared is not ready.*serves single namespaces.*name a VMProvider/,
    );
    await stage.removed('VMSnapshot', namespace, 'mine');

    const stranger = await stage.get('VMSnapshot', other, 'not-mine');
    expect(stranger.status?.conditions).toBeUndefined();
    expect(served(operator)).toEqual(new Set([`VMProvider/${namespace}/azure`]));
    const refusals = operator.log.filter((line) => JSON.stringify(line).includes('Forbidden'));
    expect(refusals).toEqual([]);
    const forbidden = await stage.cluster.auditEvents(
      ({ user, responseStatus }) => user.username.endsWith(':keyframe-here') && responseStatus?.code === 403,
    );
    expect(forbidden).toEqual([]);
    expect(await operator.stop()).toBe(0);
    await stage.remove('VMSnapshot', other, 'not-mine');
  });

  it('of each shard serves the providers with its label, and what goes by them', async () => {
    const namespace = await stage.cluster.createNamespace('shards');
    const shards = ['one', 'two'];
    for (const shard of shards) {
      stage.vm(`shard-${shard}`);
      await stage.provider(namespace, { name: shard });
      const metadata = { labels: { shard } };
      await stage.patch('VMProvider', namespace, shard, { metadata });
    }
    const [one, two] = await Promise.all(
      shards.map((shard) => stage.operator([`--watch-label-selector=shard=${shard}`])),
    );
    if (one === undefined || two === undefined) throw new Error('two were started');
    for (const shard of shards)
      await stage.snapshot(namespace, shard, `shard-${shard}`, { providerRef: { name: shard } });
    for (const shard of shards) await stage.reason('VMSnapshot', namespace, shard, 'Available');
    expect(served(one)).toEqual(new Set([`VMProvider/${namespace}/one`]));
    expect(served(two)).toEqual(new Set([`VMProvider/${namespace}/two`]));
    // Each counts its own, so that the sum over shards is right.
    const shown = await one.metrics();
    const labels = `kind="VMSnapshot",provider="VMProvider/${namespace}/one",state="Ready",reason="Available"`;
    expect(shown).toContain(`keyframe_objects{${labels}} 1\n`);
    expect(shown).not.toContain('/two"');

    // Without its operator, a shard waits; the other does not take it.
    await two.kill();
    stage.vm('shard-later');
    await stage.snapshot(namespace, 'later', 'shard-later', { providerRef: { name: 'two' } });
    await stage.snapshot(namespace, 'meanwhile', 'shard-later', { providerRef: { name: 'one' } });
    await stage.reason('VMSnapshot', namespace, 'meanwhile', 'Available');
    expect((await stage.get('VMSnapshot', namespace, 'later')).status?.conditions).toBeUndefined();
    // With another label it is another shard's.
    await stage.patch('VMProvider', namespace, 'two', { metadata: { labels: { shard: 'one' } } });
    await stage.reason('VMSnapshot', namespace, 'later', 'Available');
    expect(await one.stop()).toBe(0);
  });

  it('speaks the api-version that a provider names', async () => {
    await stage.operator();
    const namespace = await stage.cluster.createNamespace('versions');
    stage.vm('old', { dataDisks: [{ name: 'old-data' }] });
    await stage.provider(namespace, { azure: { apiVersions: { compute: '2022-03-01' } } });
    const provider = await stage.reason('VMProvider', namespace, 'azure', 'Available');
    expect(provider.status?.product.apiVersion).toBe('2022-03-01');
    stage.azure.resetCounts();
    await stage.snapshot(namespace, 'old', 'old');
    const snapshot = await stage.reason('VMSnapshot', namespace, 'old', 'Available');
    expect(snapshot.status?.disks).toHaveLength(2);
    await stage.make('RestorePointCopy', namespace, 'old', {
      source: { snapshotRef: { name: 'old' } },
      target: { location: 'northeurope' },
    });
    await stage.reason('RestorePointCopy', namespace, 'old', 'Replicated');
    const ours = stage.azure.requests.filter(({ url }) => url.includes('/rg-test/'));
    const versions = ours.map(({ url }) => /api-version=([\d-]+)/.exec(url)?.[1]);
    expect(new Set(versions)).toContain('2022-03-01');
    const made = ours.filter(({ method, url }) => method !== 'GET' && url.includes('restorePoint'));
    expect(made.length).toBeGreaterThanOrEqual(4);
    for (const { url } of made.filter(({ operation }) => operation.endsWith('Create')))
      expect(url).toContain('api-version=2022-03-01');
  });

  it('brings a namespace with everything in it to its end, and leaves what is to be retained', async () => {
    const namespace = await stage.cluster.createNamespace('going');
    for (const name of ['going', 'staying']) stage.vm(name);
    await stage.provider(namespace);
    await stage.snapshot(namespace, 'going', 'going');
    await stage.snapshot(namespace, 'staying', 'staying', { deletionPolicy: 'Retain' });
    await stage.make('RestorePointCopy', namespace, 'going', {
      source: { snapshotRef: { name: 'going' } },
      target: { location: 'northeurope' },
    });
    await stage.reason('RestorePointCopy', namespace, 'going', 'Replicated');
    const kept = await stage.reason('VMSnapshot', namespace, 'staying', 'Available');
    const before = stage.azure.points().length;

    await stage.cluster.request('DELETE', `/api/v1/namespaces/${namespace}`);
    await namespaceGone(namespace);
    const left = stage.azure.points().map(({ id }) => id);
    expect(left).toHaveLength(before - 2);
    expect(left).toContain(kept.status?.snapshotID);
    const vmIDs = ['going', 'staying'].map((name) => stage.vmID(name));
    const collections = stage.azure.collections().filter(({ sourceId }) => vmIDs.includes(sourceId));
    // The one that holds what was retained; no copies are left anywhere of the other.
    expect(collections.map(({ sourceId }) => sourceId)).toEqual([stage.vmID('staying')]);
  });

  it('lets a namespace go whose credentials are gone, and names what is left', async () => {
    await Promise.all(stage.operators.filter(({ running }) => running).map((operator) => operator.stop()));
    const namespace = await stage.cluster.createNamespace('orphaned');
    stage.vm('orphaned');
    const first = await stage.operator();
    await stage.provider(namespace);
    await stage.snapshot(namespace, 'orphaned', 'orphaned');
    const { status } = await stage.reason('VMSnapshot', namespace, 'orphaned', 'Available');
    await first.kill();
    await stage.cluster.request('DELETE', `/api/v1/namespaces/${namespace}`);
    await waitFor('the Secret to be gone', async () => {
      const { items } = await stage.cluster.request<{ items: unknown[] }>(
        'GET',
        `/api/v1/namespaces/${namespace}/secrets`,
      );
      return items.length === 0 ? true : undefined;
    });
    const operator = await stage.operator(['--abandon-after=1s']);
    await namespaceGone(namespace);
    const word = operator.log.find(({ reason }) => reason === 'Abandoned');
    expect(word?.level).toBe('warn');
    expect(word?.message).toContain(status?.snapshotID);
    expect(stage.azure.points().some(({ id }) => id === status?.snapshotID)).toBe(true);
  });

  it('gives away no secret, and sends nothing malformed', async () => {
    expect(await leaks(stage)).toEqual([]);
    expect(stage.azure.contractViolations).toEqual([]);
  });

  async function namespaceGone(namespace: string): Promise<void> {
    let last: unknown;
    try {
      await waitFor(
        `namespace ${namespace} to be gone`,
        async () => {
          const { items } = await stage.cluster.request<{ items: { metadata: { name: string } }[] }>(
            'GET',
            '/api/v1/namespaces',
          );
          last = items.find(({ metadata }) => metadata.name === namespace);
          return last === undefined ? true : undefined;
        },
        { deadline: 60_000, interval: 200 },
      );
    } catch (error) {
      const operator = stage.operators.at(-1)?.tail(15);
      throw new Error(`${String(error)}: ${JSON.stringify(last)}\n${operator}`);
    }
  }
});
