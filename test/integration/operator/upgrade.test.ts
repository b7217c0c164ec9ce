/**
 * What older releases wrote is read by this one, which is started in the middle of their operations: nothing is made
 * twice, lost, or called ready that is not. Each release left its objects, and what Azure held, in test/fixtures.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KindName, kinds } from '../../../src/api/kinds.ts';
import { annotations } from '../../../src/api/names.ts';
import { pointsOf } from '../../chaos/account.ts';
import { isReplicating } from '../../simulators/azure/replication.ts';
import type { RestorePoint } from '../../simulators/azure/state.ts';
import { OlderRelease, olderReleases } from '../../support/older-release.ts';
import { type AnyObject, operatorNamespace, ready, Stage } from '../../support/stage.ts';

/** Objects that stand for something at Azure that may be made twice. */
const lasting: KindName[] = ['VMSnapshot', 'RestorePointCopy', 'RestorePointCollection'];

describe.each(await olderReleases())('what release %s left behind', (version) => {
  let stage: Stage;
  let objects: AnyObject[];
  /** Objects that bear a restore point or a collection already: nothing may be made for them. */
  let made: Set<string>;
  /** The restore points that are theirs. */
  let found: RestorePoint[];

  const uidOf = ({ metadata }: AnyObject) => metadata.uid ?? '';
  const nameOf = ({ kind, metadata }: AnyObject) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
  const pathOf = ({ kind, metadata }: AnyObject) =>
    `${stage.path(kind as KindName, metadata.namespace)}/${metadata.name}`;
  const read = (object: AnyObject) => stage.cluster.request<AnyObject>('GET', pathOf(object));
  const isReady = (object: AnyObject) => ready(object)?.status === 'True';
  const isLeaving = ({ metadata }: AnyObject) => metadata.deletionTimestamp !== undefined;
  const ofKinds = (wanted: KindName[]) => objects.filter(({ kind }) => wanted.includes(kind as KindName));
  /** Had failed for good with nothing at Azure: that is so still. */
  const hadFailed = (object: AnyObject) =>
    !made.has(uidOf(object)) &&
    object.status?.conditions?.some(({ type, status }) => type === 'Stalled' && status === 'True') === true;

  beforeAll(async () => {
    const release = await OlderRelease.read(version);
    stage = await Stage.set({
      azure: {
        speed: 200,
        throttling: false,
        durations: { replicationSeconds: 200, replicationRefreshSeconds: 20 },
        ...release.account,
      },
    });
    release.restoreAzure(stage.azure);
    found = stage.azure.world.allPoints();
    objects = release.objects(stage.azure);
    const marks = JSON.stringify([stage.azure.points(), stage.azure.collections()]);
    made = new Set(objects.map(uidOf).filter((uid) => marks.includes(uid)));

    for (const namespace of new Set(objects.map(({ metadata }) => metadata.namespace ?? operatorNamespace))) {
      await stage.cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await stage.secret(namespace, 'azure', stage.azure.clientSecret);
    }
    for (const object of objects)
      await stage.cluster.storeAsIs(kinds[object.kind as KindName].plural, object);
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  it('shows every situation', () => {
    const situations = ofKinds(lasting).map((object) => {
      if (isLeaving(object)) return 'leaving';
      if (hadFailed(object)) return 'failed';
      if (isReady(object)) return 'ready';
      const intent = object.metadata.annotations?.[annotations.intent] === undefined ? 'not begun' : 'begun';
      return `${intent}, ${made.has(uidOf(object)) ? '' : 'not '}made`;
    });
    expect(new Set(situations)).toEqual(
      new Set(['leaving', 'failed', 'ready', 'begun, made', 'begun, not made', 'not begun, not made']),
    );
  });

  it('is served whole under the present CustomResourceDefinitions', async () => {
    for (const object of objects) {
      // No less than was stored; defaults may have come.
      expect(await read(object), nameOf(object)).toMatchObject(object);
    }
  });

  it('can be changed, and made anew', async () => {
    for (const object of objects) {
      const { apiVersion, kind, metadata, spec } = object;
      const labels = { 'example.test/touched': 'yes' };
      await stage.cluster.request('PATCH', `${pathOf(object)}?dryRun=All`, { metadata: { labels } });
      await stage.cluster.request('POST', `${stage.path(kind as KindName, metadata.namespace)}?dryRun=All`, {
        apiVersion,
        kind,
        metadata: { name: 'anew' },
        spec,
      });
    }
  });

  /** Has objects looked at, whatever they wait for, and waits until that was done. */
  async function lookAt(token: string, list: AnyObject[]): Promise<void> {
    const staying = list.filter((object) => !isLeaving(object));
    for (const { kind, metadata } of staying)
      await stage.annotate(kind as KindName, metadata.namespace, metadata.name, {
        [annotations.reconcileAt]: token,
      });
    for (const { kind, metadata } of staying)
      await stage.until(
        kind as KindName,
        metadata.namespace,
        metadata.name,
        'looked at',
        ({ status }) => status?.lastHandledReconcileAt === token,
      );
  }

  it('is not called ready before it is', async () => {
    await stage.operator();
    await lookAt('upgraded', objects);
    const now = stage.azure.world.clock.now();
    const unfinished = found.filter(
      (point) => point.provisioningState === 'Creating' || isReplicating(point, now),
    );
    expect(unfinished.length).toBeGreaterThan(1);
    for (const point of unfinished) {
      const object = objects.find((candidate) => point.name.includes(uidOf(candidate)));
      if (object === undefined) throw new Error(`nobody's: ${point.name}`);
      const seen = await read(object);
      expect([isReady(seen), seen.status?.readyToUse ?? false], nameOf(object)).toEqual([false, false]);
    }
  });

  it('ends as it should once Azure is done, and nothing was made twice', async () => {
    const { world } = stage.azure;
    for (const point of found) {
      if (point.provisioningState === 'Deleting') stage.azure.removePoint(point.id);
      if (point.provisioningState === 'Creating')
        Object.assign(point, { provisioningState: 'Succeeded', succeededAt: world.clock.now() });
      for (const { replication } of point.disks) if (replication) replication.endsAt = world.clock.now();
    }
    for (const vm of world.vms.values()) vm.creating = undefined;
    // What is past its deadline is looked at but slowly.
    await lookAt('done', ofKinds(['VMSnapshot', 'RestorePointCopy']));

    for (const object of ofKinds(['VMSnapshot', 'RestorePointCopy'])) {
      const { kind, metadata, status } = object;
      const address = [kind as KindName, metadata.namespace, metadata.name] as const;
      if (isLeaving(object)) {
        await stage.gone(...address);
        continue;
      }
      if (hadFailed(object)) {
        const now = await read(object);
        expect(ready(now)?.reason, nameOf(object)).toBe(ready(object)?.reason);
        expect(pointsOf(stage, uidOf(object)), nameOf(object)).toEqual([]);
        continue;
      }
      const now = await stage.until(...address, 'ready', isReady, 90_000);
      const ids = ['snapshotID', 'restorePointID', 'creationTime', 'copyStartedAt'];
      const identity = (from: AnyObject['status']) => ids.map((id) => from?.[id]);
      // What was known already has not changed.
      identity(status).forEach((known, index) => {
        if (known !== undefined)
          expect(identity(now.status)[index], `${nameOf(object)} ${ids[index]}`).toBe(known);
      });
    }
  });

  it('has one restore point each, of which only those were made now that were not there', () => {
    const created = stage.azure.everCreated().map(({ name }) => name);
    for (const object of ofKinds(['VMSnapshot', 'RestorePointCopy'])) {
      const adopted = object.spec.source !== undefined && 'existing' in (object.spec.source as object);
      if (isLeaving(object) || hadFailed(object) || adopted) continue;
      const uid = uidOf(object);
      expect(pointsOf(stage, uid), nameOf(object)).toHaveLength(1);
      const now = created.filter((name) => name.includes(uid));
      expect(now, nameOf(object)).toHaveLength(made.has(uid) ? 0 : 1);
    }
    expect(stage.azure.contractViolations).toEqual([]);
  });

  it('leaves nothing of ours behind when it is deleted, and what was adopted alone', async () => {
    const leaving = ofKinds(['RestorePointCopy', 'VMSnapshot']);
    for (const kind of ['RestorePointCopy', 'VMSnapshot'] as const) {
      for (const { metadata } of leaving.filter((object) => object.kind === kind && !isLeaving(object)))
        await stage.remove(kind, metadata.namespace, metadata.name);
      for (const { metadata } of leaving.filter((object) => object.kind === kind))
        await stage.gone(kind, metadata.namespace, metadata.name);
    }
    for (const { metadata } of ofKinds(['RestorePointCollection']))
      await stage.gone('RestorePointCollection', metadata.namespace, metadata.name);
    expect(stage.azure.points().map(({ name }) => name)).toEqual(['nightly']);
    expect(stage.azure.collections().map(({ name }) => name)).toEqual(['foreign']);
  });
});
