/** What must hold before a VM is put back, or a new one made: asked before the first write, and before each further one. */
import { condition, type Verdict } from '../../api/conditions.ts';
import { isTerminal } from '../../api/reasons.ts';
import type { VMRestoreSpec } from '../../api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import { sameID, sameName } from '../../providers/ids.ts';
import { type Failure, succeeded } from '../../providers/outcome.ts';
import type {
  Capabilities,
  NewVMTarget,
  RestoreTarget,
  Snapshot,
  Support,
  VM,
  VMInspection,
  VMOperator,
} from '../../providers/provider.ts';
import { accessDenial, grantsSource } from '../access.ts';
import { bearsMark, readMark } from '../intent.ts';
import { waitDelayMs } from '../settings.ts';
import { sourceTrouble, troubleOf } from '../trouble.ts';
import { type Case, providerRefOf } from './basics.ts';
import type { RestoreStep } from './facts.ts';
import { isStuck } from './outcome.ts';

/** What stands between a restore and its next write. */
export type Check =
  | { next: RestoreStep }
  /** It may pass by itself. */
  | { wait: Verdict; requeueAfterMs?: number }
  /** It does not pass unless someone does something. */
  | { refuse: Verdict; requeueAfterMs?: number }
  | { ready: Ready };

export interface Ready {
  vm: VM;
  containerID: string;
  source: Snapshot;
  /** In place: as the vendor showed it last; its mark is still to be filled in. */
  restore?: { vm: VM; target: Omit<RestoreTarget, 'name'>; disks: string[] };
  newVM?: Omit<NewVMTarget, 'name'>;
}

/** More names than this are counted, not told. */
const namesTold = 10;

export function check(it: Case, provider: VMOperator): Check {
  const { facts, record } = it;
  const { object } = facts;
  const unsupported = unsupportedField(object.spec, provider.capabilities);
  if (unsupported !== undefined) return { refuse: unsupported };
  const snapshot = snapshotOf(it);
  if ('wait' in snapshot || 'refuse' in snapshot) return snapshot;
  const { id: snapshotID, vmID } = snapshot;
  if (record.snapshotID !== undefined && !sameID(record.snapshotID, snapshotID))
    return refuse(
      'PreconditionFailed',
      `VMSnapshot ${snapshot.object.metadata.name} stands for ${snapshotID} now, and this was begun from ${record.snapshotID}`,
    );
  const wrongEndpoint = endpointOf(snapshot.object, provider);
  if (wrongEndpoint !== undefined) return { wait: wrongEndpoint };
  const wantedVM = object.spec.target?.vmID;
  if (wantedVM !== undefined && !sameID(wantedVM, vmID))
    return refuse(
      'InvalidSpec',
      `spec.target.vmID is ${wantedVM}, but VMSnapshot ${snapshot.object.metadata.name} is of VM ${vmID}. Make a new VMRestore that says which one is meant`,
    );

  const { seen } = facts;
  const barred = denial(it, undefined);
  if (barred !== undefined) return { wait: barred };
  if (seen.vm === undefined) {
    const { stampID } = snapshot.object.status ?? {};
    return { next: { do: 'ReadVM', query: { id: vmID, ...(stampID === undefined ? {} : { stampID }) } } };
  }
  if (!succeeded(seen.vm)) return unreadable(it, seen.vm, `reading VM ${vmID}`);
  const vm = seen.vm.value;
  const denied = denial(it, vm);
  if (denied !== undefined) return { wait: denied };
  const uid = snapshot.object.status?.vm?.uid;
  if (uid !== undefined && !sameID(uid, vm.uid))
    return refuse(
      'PreconditionFailed',
      `VM ${vm.name} was made anew since the snapshot was taken (${uid} became ${vm.uid})`,
    );

  const containerID = vm.containerID ?? vm.id;
  if (seen.source === undefined) return { next: { do: 'ReadSource', ref: { id: snapshotID, containerID } } };
  if (!succeeded(seen.source))
    return unreadable(it, seen.source, `reading snapshot ${snapshotID} of VM ${vm.name}`);
  const source = seen.source.value;
  const stranger = strangeness(it, snapshot.object, source, vm);
  if (stranger !== undefined) return refuse('SourceNotFound', stranger);
  if (source.state === 'Failed')
    return refuse(
      'SourceNotFound',
      `the vendor calls the snapshot ${source.name} failed (${source.vendorState})`,
    );
  if (source.state !== 'Succeeded')
    return wait(
      it,
      'ConcurrentOperation',
      `the vendor is at work on the snapshot ${source.name} (${source.vendorState})`,
    );

  const found = { vm, containerID, source };
  return object.spec.strategy === 'NewVM' ? checkNewVM(it, found) : checkInPlace(it, provider, found);
}

function refuse(reason: Verdict['reason'], message: string): Check {
  return { refuse: { reason, message } };
}

function wait(it: Case, reason: Verdict['reason'], message: string): Check {
  return { wait: { reason, message }, requeueAfterMs: waitDelayMs(it.facts) };
}

/** The first field that asks for what the provider lacks: refused, never ignored. */
export function unsupportedField(
  spec: VMRestoreSpec,
  { restore }: Pick<Capabilities, 'restore'>,
): Verdict | undefined {
  const fields: [field: string, isSet: boolean, support: Support][] = [
    ['strategy: InPlace', spec.strategy === 'InPlace', restore.inPlace],
    ['strategy: NewVM', spec.strategy === 'NewVM', restore.newVM],
    ['memory', spec.memory !== undefined, restore.memory],
    ['disks', spec.disks !== undefined, restore.disks],
    ['preview', spec.preview !== undefined, restore.preview],
  ];
  for (const [field, isSet, support] of fields) {
    if (!isSet || support === true) continue;
    const isStrategy = field.startsWith('strategy');
    const advice = !isStrategy
      ? '. Make a new VMRestore without it'
      : restore.inPlace === true
        ? '. Make a new VMRestore with strategy: InPlace'
        : '';
    return { reason: 'UnsupportedByProvider', message: `spec.${field} is set, but ${support}${advice}` };
  }
  return undefined;
}

/** The snapshot to restore from, as its object has it; or why that is not known. */
function snapshotOf(
  it: Case,
):
  | { object: VMSnapshot; id: string; vmID: string }
  | Extract<Check, { wait: Verdict } | { refuse: Verdict }> {
  const { object, neighbours } = it.facts;
  const { name } = object.spec.source.snapshotRef;
  const snapshot = neighbours.snapshot(name);
  if (snapshot === undefined) {
    return {
      wait: {
        reason: 'ReferenceNotFound',
        message: `spec.source.snapshotRef names VMSnapshot ${name}, which is not in this namespace. Make it, or a new VMRestore with the right name`,
      },
    };
  }
  if (snapshot.metadata.deletionTimestamp !== undefined)
    return { refuse: { reason: 'SourceNotFound', message: `VMSnapshot ${name} is being deleted` } };
  const { readyToUse, snapshotID, vm } = snapshot.status ?? {};
  if (readyToUse === true && snapshotID !== undefined && vm?.id !== undefined)
    return { object: snapshot, id: snapshotID, vmID: vm.id };
  const ready = condition(snapshot.status?.conditions, 'Ready');
  // A spec that cannot be carried out cannot be mended either: what waits for it would wait in vain.
  const hopeless = ['SnapshotMissing', 'InvalidSpec', 'UnsupportedByProvider'];
  if (ready !== undefined && (isTerminal(ready.reason) || hopeless.includes(ready.reason))) {
    return {
      refuse: {
        reason: 'SourceNotFound',
        message: `VMSnapshot ${name} failed (${ready.reason}); there is nothing to restore from. Restore from another`,
      },
    };
  }
  const why = ready === undefined ? '' : ` (${ready.reason})`;
  return { wait: { reason: 'Queued', message: `waiting for VMSnapshot ${name} to be ready${why}` } };
}

function endpointOf({ metadata, status }: VMSnapshot, { endpointID }: VMOperator): Verdict | undefined {
  if (status?.endpointID === endpointID) return undefined;
  return {
    reason: 'ProviderChanged',
    message: `VMSnapshot ${metadata.name} lies on ${status?.endpointID}, and the provider now names ${endpointID}. Point the provider at the former again`,
  };
}

/**
 * Why what stands under the id is not the snapshot that the object stands for. Ids are given again (oVirt sheet,
 * section 6), and a read of one does not check whose it is (section 9): the mark proves it, and of an adopted one
 * the fingerprint.
 */
function strangeness({ facts }: Case, object: VMSnapshot, source: Snapshot, vm: VM): string | undefined {
  const { name, uid } = object.metadata;
  if (source.vmID !== undefined && !sameID(source.vmID, vm.id))
    return `snapshot ${source.id} is of VM ${source.vmID}, not of VM ${vm.name} (${vm.id})`;
  const { fingerprint, creationTime } = object.status ?? {};
  const differs =
    fingerprint !== undefined && source.fingerprint !== undefined
      ? fingerprint !== source.fingerprint
      : creationTime !== undefined && source.createdAt !== undefined
        ? Math.abs(Date.parse(creationTime) - Date.parse(source.createdAt)) > 60_000
        : object.spec.source.existing !== undefined;
  const unmarked =
    object.spec.source.existing === undefined && !bearsMark(source.name, facts.settings.cluster, uid);
  if (!differs && !unmarked) return undefined;
  return `the vendor has another snapshot under the id ${source.id} now than that of VMSnapshot ${name}. Nothing is restored from it`;
}

/** What a ClusterVMProvider does not grant; without a VM, before anything of it is told. */
export function denial(it: Case, vm: VM | undefined): Verdict | undefined {
  const { facts, record } = it;
  const { object, neighbours, provider } = facts;
  const ref = providerRefOf({ object, record }, neighbours);
  if (ref?.kind !== 'ClusterVMProvider' || !('provider' in provider)) return undefined;
  const { namespaceLabels } = neighbours;
  const namespace = object.metadata.namespace ?? '';
  if (
    !grantsSource(provider.access, {
      operation: 'Restore',
      namespaceLabels,
      ...(vm === undefined ? {} : { vm: placeless(vm) }),
    })
  ) {
    const what = vm === undefined ? 'any VM' : `VM ${vm.name}`;
    return {
      reason: 'AccessDenied',
      message: `ClusterVMProvider ${ref.name} grants namespace ${namespace} no Restore of ${what}. Add a rule to its spec.access`,
    };
  }
  if (vm === undefined) return undefined;
  const target = { resourceGroup: '', location: '' };
  return accessDenial(
    provider.access,
    { operation: 'Restore', namespace, namespaceLabels, vm: placeless(vm), target },
    ref.name,
  );
}

function placeless({ id, name }: VM) {
  return { id, name, resourceGroup: '' };
}

function unreadable(it: Case, failure: Failure, what: string): Check {
  const unproven = failure.kind === 'NotFound' && failure.what === 'Unproven';
  const trouble = unproven ? troubleOf(failure, what) : sourceTrouble(failure, what);
  if (trouble.reason === 'SourceNotFound') return { refuse: trouble };
  return { wait: trouble, requeueAfterMs: Math.max(trouble.afterMs ?? 0, waitDelayMs(it.facts)) };
}

function checkInPlace(
  it: Case,
  provider: VMOperator,
  found: { vm: VM; containerID: string; source: Snapshot },
): Check {
  const { facts } = it;
  const { spec } = facts.object;
  const { containerID, source } = found;
  const { inspection: outcome } = facts.seen;
  if (outcome === undefined) return { next: { do: 'Inspect', containerID } };
  if (!succeeded(outcome)) return unreadable(it, outcome, `inspecting VM ${found.vm.name}`);
  const inspection = outcome.value;
  const { vm } = inspection;
  if (inspection.previewOf !== undefined)
    return refuse(
      'PreconditionFailed',
      `VM ${vm.name} is in preview of snapshot ${inspection.previewOf}; nearly nothing else can be done with it meanwhile. Commit or undo the preview at the vendor first`,
    );
  const stuck = isStuck(it.record, vm);
  const busy = stuck ? undefined : atWork(inspection);
  if (busy !== undefined) return wait(it, 'ConcurrentOperation', `VM ${vm.name} is not free: ${busy}`);
  if (!inspection.snapshots.some(({ id }) => sameID(id, source.id)))
    return wait(
      it,
      'ConcurrentOperation',
      `snapshot ${source.id} is not in the list of those of VM ${vm.name}; looking again`,
    );
  const newer = lostByRestore(it, provider.capabilities, source, inspection.snapshots);
  if (newer !== undefined) return { refuse: newer };
  const power = stuck ? undefined : powerObjection(it, vm);
  if (power !== undefined) return power;
  if (spec.memory === 'Include' && source.memory !== true)
    return refuse(
      'InvalidSpec',
      `spec.memory is Include, but the snapshot ${source.name} holds no memory. Make a new VMRestore without spec.memory`,
    );
  const chosen = chosenDisks(spec, source);
  if (!('named' in chosen)) return { refuse: chosen };
  const { memory } = provider.capabilities.restore;
  const target = {
    containerID,
    vmID: vm.id,
    snapshotID: source.id,
    // oVirt's own default is to bring it back (oVirt sheet, section 7).
    ...(memory === true ? { memory: spec.memory === 'Include' } : {}),
    ...(chosen.parts === undefined ? {} : { disks: chosen.parts }),
    ...(vm.taskID === undefined ? {} : { baseline: vm.taskID }),
  };
  return { ready: { ...found, restore: { vm, target, disks: chosen.named } } };
}

/** What the vendor is at work on, in words; undefined where the VM is free. */
export function atWork(inspection: VMInspection): string | undefined {
  if (inspection.busy !== undefined) return inspection.busy;
  const locked = inspection.snapshots.find(
    ({ state }) => state === 'Locked' || state === 'Creating' || state === 'Deleting',
  );
  if (locked !== undefined) return `snapshot ${locked.id} is ${locked.vendorState}`;
  const { power, vendorState } = inspection.vm;
  return power === 'Busy' ? `it is ${vendorState}` : undefined;
}

/** The newer snapshots that would go, unless that is accepted (oVirt sheet, section 7). */
function lostByRestore(
  { facts }: Case,
  { restore }: Capabilities,
  source: Snapshot,
  snapshots: Snapshot[],
): Verdict | undefined {
  const { object, neighbours, settings } = facts;
  if (!restore.losesNewer || object.spec.acceptDataLoss?.includes('NewerSnapshots')) return undefined;
  const newer = snapshots.filter((other) => !sameID(other.id, source.id) && isNewer(other, source));
  if (newer.length === 0) return undefined;
  const called = newer.slice(0, namesTold).map(({ id, name, createdAt }) => {
    const mark = readMark(name);
    const owner = mark?.cluster === settings.cluster ? neighbours.objectWithUID(mark.uid) : undefined;
    return `${owner ?? JSON.stringify(name.slice(0, 80))} (${id}${createdAt === undefined ? '' : `, of ${createdAt}`})`;
  });
  const more = newer.length > namesTold ? ` and ${newer.length - namesTold} more` : '';
  return {
    reason: 'PreconditionFailed',
    message: `snapshots taken after the one that is restored would be lost: ${called.join(', ')}${more}. Remove them, or make a new VMRestore with acceptDataLoss: [NewerSnapshots]`,
  };
}

/** A snapshot whose time is not known counts as newer: it may be lost. */
function isNewer(other: Snapshot, source: Snapshot): boolean {
  if (other.createdAt === undefined || source.createdAt === undefined) return true;
  return Date.parse(other.createdAt) >= Date.parse(source.createdAt);
}

function powerObjection(it: Case, vm: VM): Check | undefined {
  const mayStop = it.facts.object.spec.power === 'StopAndStart';
  switch (vm.power) {
    case 'Off':
      return undefined;
    case 'On':
      return mayStop
        ? undefined
        : refuse(
            'PreconditionFailed',
            `VM ${vm.name} is on (${vm.vendorState}), and is put back only while it is off. Shut it down, or make a new VMRestore with power: StopAndStart`,
          );
    case 'Suspended':
      return refuse(
        'PreconditionFailed',
        `VM ${vm.name} is suspended (${vm.vendorState}), which a restore would lose. Start it or power it off first`,
      );
    default:
      return wait(
        it,
        'ConcurrentOperation',
        `the vendor calls VM ${vm.name} ${vm.vendorState}, which is neither on nor off`,
      );
  }
}

/** The disks of the snapshot that are put back, by name, and what the request says of them. */
function chosenDisks(
  spec: VMRestoreSpec,
  source: Snapshot,
): { named: string[]; parts?: NonNullable<RestoreTarget['disks']> } | Verdict {
  if (spec.disks === undefined) return { named: source.disks.map(({ name }) => name) };
  const parts: NonNullable<RestoreTarget['disks']> = [];
  const named: string[] = [];
  for (const wanted of spec.disks.ids) {
    const disk = source.disks.find(
      ({ id, name }) => (id !== undefined && sameID(id, wanted)) || sameName(name, wanted),
    );
    if (disk?.id === undefined || disk.snapshotID === undefined) {
      const names = source.disks.map(({ name }) => name).join(', ');
      return {
        reason: 'InvalidSpec',
        message: `spec.disks.ids names ${wanted}, which is no disk of the snapshot; its disks are ${names}`,
      };
    }
    if (parts.some(({ diskID }) => diskID === disk.id)) continue;
    parts.push({ diskID: disk.id, snapshotID: disk.snapshotID });
    named.push(disk.name);
  }
  return { named, parts };
}

function checkNewVM(it: Case, found: { vm: VM; containerID: string; source: Snapshot }): Check {
  const { facts } = it;
  const { marked, namesake } = facts.seen;
  const { name = '', ovirt } = facts.object.spec.newVM ?? {};
  if (marked === undefined) return { next: { do: 'FindMarked' } };
  if (!succeeded(marked)) return unreadable(it, marked, 'looking for VMs that bear the mark of this object');
  const [ours] = marked.value;
  if (ours !== undefined)
    return refuse(
      'PreconditionFailed',
      `VM ${ours.name} (${ours.id}) bears the mark of this object already (${ours.mark}), so no other is made`,
    );
  if (namesake === undefined) {
    const { stampID } = found.vm;
    return { next: { do: 'ReadNamesake', query: { name, ...(stampID === undefined ? {} : { stampID }) } } };
  }
  const several = namesake.kind === 'Invalid' && namesake.error.code === 'AmbiguousSource';
  if (succeeded(namesake) || several) {
    const who = succeeded(namesake) ? ` (${namesake.value.id})` : '';
    return refuse(
      'PreconditionFailed',
      `there is a VM ${name}${who} already. Make a new VMRestore with another spec.newVM.name`,
    );
  }
  if (namesake.kind !== 'NotFound' || namesake.what === 'Unproven')
    return unreadable(it, namesake, `looking for a VM of the name ${name}`);
  return {
    ready: {
      ...found,
      newVM: {
        containerID: found.containerID,
        snapshotID: found.source.id,
        vmName: name,
        ...(ovirt?.cluster === undefined ? {} : { cluster: ovirt.cluster }),
      },
    },
  };
}
