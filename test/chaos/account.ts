/** What the simulated Azure has and had, held against the objects that it was made for. */
import { expect } from 'vitest';
import { ownerTag } from '../../src/api/names.ts';
import { readMark } from '../../src/controllers/intent.ts';
import type { PointSummary } from '../simulators/azure/simulator.ts';
import type { AnyObject, Stage } from '../support/stage.ts';

/** The `--cluster-id` of the operators of a stage. */
const cluster = 'test';

/** The restore points that bear an object's mark. */
export function pointsOf(stage: Stage, uid: string): PointSummary[] {
  return stage.azure.points().filter(({ name }) => readMark(name)?.uid === uid);
}

/** How many restore points were ever made for an object. */
export function createdFor(stage: Stage, uid: string): number {
  return stage.azure.everCreated().filter(({ name }) => readMark(name)?.uid === uid).length;
}

/** How many of them were finished at Azure. */
export function finishedFor(stage: Stage, uid: string): number {
  return stage.azure
    .effects()
    .filter(({ effect, name }) => effect === 'point-succeeded' && readMark(name)?.uid === uid).length;
}

/** How many restore points of an object were there at once, at most; those that had failed do not count. */
export function mostAtOnce(stage: Stage, uid: string): number {
  const live = new Set<string>();
  let most = 0;
  for (const { effect, name } of stage.azure.effects()) {
    if (readMark(name)?.uid !== uid) continue;
    if (effect === 'point-created') live.add(name);
    if (effect === 'point-failed' || effect === 'point-deleted') live.delete(name);
    most = Math.max(most, live.size);
  }
  return most;
}

/**
 * Asserts that each snapshot or copy is ready and stands for exactly one restore point: the one that it names.
 *
 * @param attempts how many may ever have been made for one object: more than 1 only where some were made to fail
 */
export function expectOnePointEach(stage: Stage, objects: AnyObject[], attempts = 1): void {
  for (const object of objects) {
    const { kind, metadata, status } = object;
    const { uid = '' } = metadata;
    withHistory(stage, object, () => {
      const points = pointsOf(stage, uid);
      expect(points, 'its restore points').toEqual([
        expect.objectContaining({
          provisioningState: 'Succeeded',
          kind: kind === 'RestorePointCopy' ? 'copy' : 'local',
        }),
      ]);
      const id: string | undefined =
        kind === 'RestorePointCopy' ? status?.restorePointID : status?.snapshotID;
      expect(id?.toLowerCase(), 'the restore point that it names').toBe(points[0]?.id.toLowerCase());
      expect(status?.readyToUse, 'ready to use').toBe(true);
      expect(mostAtOnce(stage, uid), 'restore points at once').toBe(1);
      expect(finishedFor(stage, uid), 'restore points that Azure finished').toBe(1);
      expect(createdFor(stage, uid), 'restore points that were ever made').toBeLessThanOrEqual(attempts);
    });
  }
}

/** Asserts that nothing is left of objects that were deleted, and that they never had two restore points at once. */
export function expectNothingLeft(stage: Stage, objects: AnyObject[]): void {
  for (const object of objects) {
    const { uid = '' } = object.metadata;
    withHistory(stage, object, () => {
      expect(pointsOf(stage, uid), 'restore points that are left').toEqual([]);
      expect(mostAtOnce(stage, uid), 'restore points at once').toBeLessThan(2);
      expect(finishedFor(stage, uid), 'restore points that Azure finished').toBeLessThan(2);
    });
  }
}

/** Adds to the error of a failed assertion what happened to the object. */
function withHistory(stage: Stage, object: AnyObject, assertions: () => void): void {
  try {
    assertions();
  } catch (error) {
    if (error instanceof Error)
      error.message = `${object.kind} ${object.metadata.name}: ${error.message}\n${historyOf(stage, object.metadata)}`;
    throw error;
  }
}

/** What Azure was asked for an object, what came of it, and what the operators said of it, in order. */
export function historyOf(
  { azure, operators }: Stage,
  { uid, namespace, name }: { uid: string; namespace?: string; name?: string },
): string {
  const about = (text: string) =>
    text.includes(uid) || (name !== undefined && text.includes(`"${namespace}/${name}"`));
  const requests = azure.requests
    .filter(({ url }) => url.includes(uid))
    .map(({ time, method, status, url }) => ({ time, text: `${method} ${status} ${url.split('?')[0]}` }));
  const effects = azure
    .effects()
    .filter((effect) => effect.name.includes(uid))
    .map(({ time, effect, name }) => ({ time, text: `${effect} ${name}` }));
  const said = operators.flatMap((operator, index) =>
    operator.log
      .map((line) => ({ time: Date.parse(String(line.time)), text: JSON.stringify(line) }))
      .filter(({ text }) => about(text))
      .map(({ time, text }) => ({ time, text: `operator ${index}: ${text}` })),
  );
  const all = [...requests, ...effects, ...said].sort((a, b) => a.time - b.time);
  return [
    `what happened to ${uid}:`,
    ...all.map(({ time, text }) => `${new Date(time).toISOString()} ${text}`),
  ].join('\n');
}

/** Asserts that whatever bears our mark or tag is that of a live object, and that Azure was sent nothing wrong. */
export async function expectNoOrphans(stage: Stage): Promise<void> {
  const objects = [
    ...(await stage.list('VMSnapshot')),
    ...(await stage.list('RestorePointCopy')),
    ...(await stage.list('RestorePointCollection')),
  ];
  const uids = new Set(objects.map(({ metadata }) => metadata.uid));
  const orphans = stage.azure.points().filter(({ name }) => {
    const mark = readMark(name);
    return mark?.cluster === cluster && !uids.has(mark.uid);
  });
  const happened = (marks: (string | undefined)[]) =>
    marks.map((uid = '') => historyOf(stage, { uid })).join('\n\n');
  expect(
    orphans,
    `restore points of objects that are gone\n${happened(orphans.map(({ name }) => readMark(name)?.uid))}`,
  ).toEqual([]);
  const owners = stage.azure
    .collections()
    .map(({ tags }) => tags?.[ownerTag]?.split('/')[1])
    .filter((owner) => owner !== undefined);
  const left = owners.filter((owner) => !uids.has(owner));
  expect(left, `collections of objects that are gone\n${happened(left)}`).toEqual([]);
  expect(owners, 'one collection for each object').toHaveLength(new Set(owners).size);
  expect(stage.azure.contractViolations).toEqual([]);
}

/** What others have at Azure, to be compared later: it must stay as it is. */
export interface Foreign {
  ids: string[];
  state: string;
}

/**
 * Puts at Azure what is not ours: a collection of Azure Backup, one that a person made, and restore points in both,
 * one of them with the mark of another cluster.
 */
export function addForeign(stage: Stage): Foreign {
  const { azure } = stage;
  const vm = azure.addVm({ name: 'foreign', resourceGroup: 'rg-foreign', location: 'westeurope' });
  const ids: string[] = [];
  for (const name of ['AzureBackup_foreign_1', 'by-hand']) {
    const collection = azure.addCollection({
      name,
      resourceGroup: 'rg-test',
      sourceId: vm.id,
      tags: { kept: 'yes' },
    });
    ids.push(collection.id);
    for (const point of ['nightly', `keyframe-other-${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}-1`])
      ids.push(azure.addPoint({ collectionId: collection.id, name: point }).id);
  }
  return { ids, state: stateOf(stage, ids) };
}

/** Asserts that nothing of it was touched. */
export function expectForeignUntouched(stage: Stage, { ids, state }: Foreign): void {
  expect(stateOf(stage, ids)).toBe(state);
}

function stateOf({ azure }: Stage, ids: string[]): string {
  const wanted = new Set(ids);
  const all = [...azure.collections(), ...azure.points()].filter(({ id }) => wanted.has(id));
  return JSON.stringify(all, undefined, 1);
}
