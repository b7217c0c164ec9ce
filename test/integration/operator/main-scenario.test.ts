import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnyObject, ready, Stage } from '../../support/stage.ts';

describe('from kubectl apply to every disk in the other region', () => {
  let stage: Stage;
  let namespace: string;

  beforeAll(async () => {
    stage = await Stage.set({
      azure: { durations: { replicationSeconds: 600, replicationRefreshSeconds: 60 } },
    });
    namespace = await stage.cluster.createNamespace('main');
    stage.azure.addVm({
      name: 'app-1',
      resourceGroup: 'rg-test',
      location: 'westeurope',
      dataDisks: [{ name: 'app-1-data', sizeGB: 64 }],
    });
    await stage.operator();
    await stage.provider(namespace);
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  /** Writes to one object by the operator; Events are objects of their own. */
  const writesTo = (resource: string, name: string) =>
    stage.cluster.auditEvents(
      ({ verb, objectRef, user }) =>
        objectRef?.resource === resource &&
        objectRef.name === name &&
        user.username.includes('serviceaccount') &&
        !['get', 'list', 'watch'].includes(verb),
    );

  it('connects the provider', async () => {
    const provider = await stage.reason('VMProvider', namespace, 'azure', 'Available');
    expect(ready(provider)?.status).toBe('True');
    expect(provider.status?.endpointID).toContain(stage.azure.subscriptionId);
    expect(provider.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'CredentialsValid', status: 'True' }),
    );
  });

  it('takes a snapshot of a VM given by name, with three writes to the object', async () => {
    await stage.make('VMSnapshot', namespace, 'first', {
      providerRef: { name: 'azure' },
      source: { vm: { name: 'app-1' } },
    });
    const { status } = await stage.reason('VMSnapshot', namespace, 'first', 'Available');
    expect(status).toMatchObject({
      provisioningState: 'Succeeded',
      readyToUse: true,
      vm: { name: 'app-1' },
      consistency: { level: 'FileSystem' },
      location: 'westeurope',
    });
    expect(status?.disks).toHaveLength(2);
    expect(status?.operation).toBeUndefined();
    const [point] = stage.azure.points();
    expect(status?.snapshotID?.toLowerCase()).toBe(point?.id.toLowerCase());
    const writes = await writesTo('vmsnapshots', 'first');
    expect(writes.map(({ verb, objectRef }) => `${verb} ${objectRef?.subresource ?? 'metadata'}`)).toEqual([
      'patch metadata',
      'patch status',
      'patch status',
    ]);
  });

  it('copies it into another region and calls it ready only when every disk has arrived', async () => {
    await stage.make('RestorePointCopy', namespace, 'first-copy', {
      source: { snapshotRef: { name: 'first' } },
      target: { location: 'North Europe' },
    });
    const seen: AnyObject[] = [];
    await stage.until(
      'RestorePointCopy',
      namespace,
      'first-copy',
      'replicated',
      (copy) => {
        seen.push(copy);
        return ready(copy)?.reason === 'Replicated';
      },
      60_000,
    );
    const { status } = seen.at(-1) ?? {};
    expect(status).toMatchObject({
      readyToUse: true,
      location: 'northeurope',
      replication: { state: 'Succeeded', percent: 100 },
    });
    expect(status?.replication.disks).toHaveLength(2);
    const percents = seen.map((copy) => copy.status?.replication?.percent ?? 0);
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
    expect(percents.some((percent) => percent > 0 && percent < 100)).toBe(true);
    // Succeeded at Azure means only that copying has begun.
    const begun = seen.filter((copy) => copy.status?.provisioningState === 'Succeeded');
    expect(begun.some((copy) => copy.status?.readyToUse === false)).toBe(true);
  });

  it('sends Azure nothing that breaks its contract', () => {
    expect(stage.azure.contractViolations).toEqual([]);
  });

  it('removes copies, snapshots and the collections that it made for them', async () => {
    await stage.removed('RestorePointCopy', namespace, 'first-copy');
    await stage.removed('VMSnapshot', namespace, 'first');
    expect(stage.azure.points()).toEqual([]);
    for (const { metadata } of await stage.list('RestorePointCollection', namespace)) {
      await stage.gone('RestorePointCollection', namespace, metadata.name);
    }
    expect(stage.azure.collections()).toEqual([]);
    expect(stage.azure.contractViolations).toEqual([]);
  });
});
