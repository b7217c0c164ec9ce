/** What a restore does, what it takes away, and its manifest. Pure. */
import { apiVersion } from '../api/kinds.ts';
import type { VMRestore, VMRestoreSpec } from '../api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../api/v1alpha1/vm-snapshot.ts';
import type { VMSnapshotInventory } from '../api/v1alpha1/vm-snapshot-inventory.ts';
import { Failure, UsageError } from './failure.ts';
import { given, type Manifest, nameFor } from './manifests.ts';
import { readyOf, stateOf } from './objects.ts';
import { age } from './text.ts';

/** What a person asks for. Times in milliseconds. */
export interface RestoreWish {
  name: string | undefined;
  inPlace: boolean;
  /** Name of a new VM, made beside the old one. */
  newVM: string | undefined;
  /** oVirt: where the new VM is made. */
  cluster: string | undefined;
  /** In how long it has to begin. */
  startWithin: number | undefined;
  power: VMRestoreSpec['power'];
  shutdownTimeout: VMRestoreSpec['shutdownTimeout'];
  onFailure: VMRestoreSpec['onFailure'];
  memory: VMRestoreSpec['memory'];
  disks: string[] | undefined;
  acceptDataLoss: boolean;
  preview: boolean;
}

/** What is there around it. */
export interface Surrounding {
  snapshot: VMSnapshot;
  /** Other VMSnapshots, restores and inventories of the namespace, as far as they may be read. */
  snapshots: VMSnapshot[];
  restores: VMRestore[];
  inventories: VMSnapshotInventory[];
  /** Undefined where the provider may not be read. */
  vendor: 'azure' | 'ovirt' | 'spf' | undefined;
}

export interface RestorePlan {
  manifest: Manifest<VMRestoreSpec>;
  /** What happens, what would be lost, and until when it begins: a sentence each. */
  words: string[];
  /** The name that is to be typed before it is done; undefined where nothing is lost. */
  confirm: string | undefined;
}

/** How long a restore in place may wait, unless said: it must not begin when nobody thinks of it any more. */
const startWithinMs = 15 * 60_000;

/**
 * Plans a restore.
 *
 * @throws UsageError for options that do not go together, Failure for what would be refused
 */
export function planRestore(wish: RestoreWish, around: Surrounding, now: number): RestorePlan {
  if (wish.inPlace === (wish.newVM !== undefined))
    throw new UsageError('say how: --in-place puts the VM back, --new-vm NAME makes another beside it');
  const { metadata, status } = around.snapshot;
  const ready = readyOf(around.snapshot);
  if (metadata.deletionTimestamp !== undefined || stateOf(around.snapshot) === 'Failed')
    throw new Failure(
      `VMSnapshot ${metadata.name} ${metadata.deletionTimestamp === undefined ? `failed: ${ready?.reason}: ${ready?.message}` : 'is being deleted'}`,
      'Restore from another: kubectl keyframe status shows what there is.',
    );
  if (around.vendor === 'azure')
    throw new Failure(
      `VMSnapshot ${metadata.name} is a restore point of Azure, and Keyframe does not restore from these`,
      'Make disks of it at Azure: status.disks[].snapshotID of the VMSnapshot has the id of each (az disk create --source).',
    );
  const waits =
    stateOf(around.snapshot) === 'Ready'
      ? []
      : [`It waits for vmsnap/${metadata.name} to be ready (${ready?.reason ?? 'not seen yet'}).`];
  const manifestOf = (spec: VMRestoreSpec): Manifest<VMRestoreSpec> => ({
    apiVersion,
    kind: 'VMRestore',
    metadata: {
      name: wish.name ?? nameFor(wish.newVM ?? `${status?.vm?.name ?? metadata.name}-back`, now),
      namespace: metadata.namespace ?? '',
    },
    spec,
  });
  return wish.newVM === undefined
    ? inPlace(wish, around, waits, manifestOf, now)
    : besideIt(wish, wish.newVM, around, waits, manifestOf, now);
}

/** Options that mean nothing to a new VM. */
const inPlaceOnly = [
  'power',
  'shutdownTimeout',
  'onFailure',
  'memory',
  'disks',
  'acceptDataLoss',
  'preview',
] as const;
const optionNames: Record<(typeof inPlaceOnly)[number], string> = {
  power: '--power',
  shutdownTimeout: '--shutdown-timeout',
  onFailure: '--on-failure',
  memory: '--memory',
  disks: '--disks',
  acceptDataLoss: '--accept-data-loss',
  preview: '--preview',
};

function besideIt(
  wish: RestoreWish,
  name: string,
  { snapshot }: Surrounding,
  waits: string[],
  manifestOf: (spec: VMRestoreSpec) => Manifest<VMRestoreSpec>,
  now: number,
): RestorePlan {
  const stray = inPlaceOnly.find((option) => wish[option] !== undefined && wish[option] !== false);
  if (stray !== undefined) throw new UsageError(`${optionNames[stray]} goes with --in-place`);
  const { cluster, startWithin } = wish;
  const startBefore = startWithin === undefined ? undefined : now + startWithin;
  return {
    manifest: manifestOf({
      source: { snapshotRef: { name: snapshot.metadata.name } },
      strategy: 'NewVM',
      ...given({ startBefore: startBefore === undefined ? undefined : instant(startBefore) }),
      newVM: { name, ...(cluster === undefined ? {} : { ovirt: { cluster } }) },
    }),
    words: [
      `A new VM ${name} is made from vmsnap/${snapshot.metadata.name}${heldSince(snapshot, now)}. VM ${vmName(snapshot)} stays as it is.`,
      ...waits,
      ...(startBefore === undefined ? [] : [untilWords(startBefore, now)]),
    ],
    confirm: undefined,
  };
}

function inPlace(
  wish: RestoreWish,
  around: Surrounding,
  waits: string[],
  manifestOf: (spec: VMRestoreSpec) => Manifest<VMRestoreSpec>,
  now: number,
): RestorePlan {
  const { snapshot, vendor } = around;
  if (wish.cluster !== undefined) throw new UsageError('--cluster goes with --new-vm');
  const stray = (['onFailure', 'shutdownTimeout'] as const).find((option) => wish[option] !== undefined);
  if (stray !== undefined && wish.power !== 'StopAndStart')
    throw new UsageError(
      `${optionNames[stray]} goes with --power StopAndStart: else the power of the VM is left alone`,
    );
  const vm = snapshot.status?.vm;
  if (vm?.id === undefined)
    throw new Failure(
      `it is not known yet which VM vmsnap/${snapshot.metadata.name} is of`,
      'Wait until it is ready: kubectl keyframe status -w.',
    );
  const { id: vmID } = vm;
  const newer = newerThan(around, vmID, now);
  if (newer.length > 0 && vendor === 'ovirt' && !wish.acceptDataLoss)
    throw new Failure(
      `oVirt would remove the newer snapshots of VM ${vm.name}: ${named(newer)}`,
      'Remove them, or accept it by --accept-data-loss.',
    );
  const startBefore = now + (wish.startWithin ?? startWithinMs);
  const { power, shutdownTimeout, onFailure, memory, disks } = wish;
  const under = around.restores.filter(
    (restore) =>
      stateOf(restore) === 'Working' && sameID(restore.status?.vm?.id ?? restore.spec.target?.vmID, vmID),
  );
  const onWhat = disks === undefined ? '' : ` on ${disks.join(', ')}`;
  return {
    manifest: manifestOf({
      source: { snapshotRef: { name: snapshot.metadata.name } },
      strategy: 'InPlace',
      startBefore: instant(startBefore),
      target: { vmID },
      ...given({ power, shutdownTimeout, onFailure, memory }),
      ...(disks === undefined ? {} : { disks: { ids: disks } }),
      ...(wish.acceptDataLoss ? { acceptDataLoss: ['NewerSnapshots'] } : {}),
      ...(wish.preview ? { preview: { action: 'Hold' } } : {}),
    }),
    words: [
      `VM ${vm.name} goes back to vmsnap/${snapshot.metadata.name}${heldSince(snapshot, now)}.`,
      `Its id is ${vmID}`,
      wish.preview
        ? `It is shown first (preview): what the VM wrote since then${onWhat} is lost when spec.preview.action becomes Commit, and kept with Undo.`
        : `LOST is what the VM wrote since then${onWhat}${memory === 'Include' ? ', and what it holds in memory' : ''}.`,
      ...newerWords(newer, vendor),
      power === 'StopAndStart'
        ? `It is shut down for it, and ${onFailure === 'LeaveOff' ? 'started after it; when it fails, it is left off' : 'started after it, also when it fails'}.`
        : 'It must be off; --power StopAndStart has it shut down and started again.',
      ...under.map(({ metadata }) => `Another restore of it is under way: vmrst/${metadata.name}.`),
      ...waits,
      untilWords(startBefore, now),
    ],
    confirm: vm.name,
  };
}

/** What becomes of newer snapshots: oVirt removes them (oVirt sheet, section 7), the others keep them. */
function newerWords(newer: Newer[], vendor: Surrounding['vendor']): string[] {
  if (newer.length === 0) return [];
  if (vendor === 'ovirt') return [`LOST are newer snapshots: ${named(newer)}.`];
  return vendor === undefined
    ? [`LOST may be newer snapshots (oVirt removes them): ${named(newer)}.`]
    : [`Newer snapshots stay: ${named(newer)}.`];
}

interface Newer {
  title: string;
  takenAt: number | undefined;
  now: number;
}

/** What was taken of the VM after the snapshot: the objects of the namespace, and what inventories have beside them. */
function newerThan({ snapshot, snapshots, inventories }: Surrounding, vmID: string, now: number): Newer[] {
  const from = Date.parse(snapshot.status?.creationTime ?? '');
  const isNewer = (time: string | undefined) => time === undefined || !(Date.parse(time) < from);
  const others = snapshots.filter(
    ({ metadata, status }) =>
      metadata.uid !== snapshot.metadata.uid &&
      status?.snapshotID !== undefined &&
      sameID(status.vm?.id, vmID) &&
      isNewer(status.creationTime),
  );
  const known = new Set([snapshot, ...others].map(({ status }) => status?.snapshotID?.toLowerCase()));
  const unmanaged = inventories
    .flatMap(({ status }) => status?.items ?? [])
    .filter((item) => sameID(item.vmID, vmID) && isNewer(item.createdAt))
    .filter(({ id }) => !known.has(id.toLowerCase()) && known.add(id.toLowerCase()))
    // The object of the namespace itself was seen above, or is older.
    .filter(({ managedBy }) => !managedBy.startsWith(`VMSnapshot ${snapshot.metadata.namespace}/`));
  const at = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time));
  return [
    ...others.map(({ metadata, status }) => ({
      title: `vmsnap/${metadata.name}`,
      takenAt: at(status?.creationTime),
      now,
    })),
    ...unmanaged.map(({ id, name, managedBy, createdAt }) => ({
      title: `${JSON.stringify(name ?? id)} (${managedBy})`,
      takenAt: at(createdAt),
      now,
    })),
  ].sort((a, b) => (a.takenAt ?? 0) - (b.takenAt ?? 0));
}

/** How many are told by name. */
const mostNames = 8;

function named(newer: Newer[]): string {
  const names = newer
    .slice(0, mostNames)
    .map(({ title, takenAt, now }) =>
      takenAt === undefined ? title : `${title}, ${age(now - takenAt)} ago`,
    );
  return `${names.join('; ')}${newer.length > mostNames ? `; and ${newer.length - mostNames} more` : ''}`;
}

function heldSince({ status }: VMSnapshot, now: number): string {
  if (status?.creationTime === undefined) return '';
  const at = Date.parse(status.creationTime);
  return `, as it was ${age(now - at)} ago (${instant(at)})`;
}

function untilWords(startBefore: number, now: number): string {
  return `Not begun by ${instant(startBefore)}, in ${age(startBefore - now)}, it never begins.`;
}

function vmName({ status, spec }: VMSnapshot): string {
  return status?.vm?.name ?? spec.source.vm?.name ?? 'of the snapshot';
}

/** As Kubernetes writes times. */
function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function sameID(one: string | undefined, other: string): boolean {
  return one !== undefined && one.toLowerCase() === other.toLowerCase();
}
