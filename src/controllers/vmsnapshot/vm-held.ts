/** Snapshots that their VM holds: oVirt's and SPF's. One thing at a time is done on a VM there. */
import type { Verdict } from '../../api/conditions.ts';
import type { VMSnapshot, VMSnapshotSpec } from '../../api/v1alpha1/vm-snapshot.ts';
import { sameID, sameName } from '../../providers/ids.ts';
import { succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget, VM, VMDisk, VMOperator, VMQuery } from '../../providers/provider.ts';
import { turnOn } from '../lane-view.ts';
import { vmLane } from '../lanes.ts';
import type { Assessment, KindPolicy, Preparation, Step } from '../lifecycle/facts.ts';
import { pollDelayMs } from '../settings.ts';
import { troubleOf } from '../trouble.ts';
import { achieved, fallsShort } from './achieved.ts';
import type { SnapshotFacts, SnapshotNeighbours } from './facts.ts';
import { adoptionObstacle, denial, nounOf, sourceDenial, unreadable } from './prepare.ts';
import { recordedOf } from './status.ts';

type SnapshotPolicy = KindPolicy<VMSnapshot, SnapshotNeighbours>;

/** Neither has places that access rules could name. */
const nowhere = { resourceGroup: '', location: '' };

/** What must be known before a snapshot can be asked for: the VM, and which of its disks. */
export function prepareNew(facts: SnapshotFacts, provider: VMOperator): Preparation {
  const { object } = facts;
  const { spec } = object;
  const found = resolvedVM(facts, spec.source.vm ?? {}, 'Snapshot');
  if ('preparation' in found) return found.preparation;
  const { vm, containerID } = found;
  const chosen = chosenDisks(spec, vm);
  if ('reason' in chosen) return { refuse: chosen };
  const quiescing = quiescingOf(spec, vm, chosen.taken, provider);
  if ('reason' in quiescing) return { refuse: quiescing };
  const { level } = spec.consistency ?? {};
  const memory = provider.capabilities.memory === true ? { memory: spec.memory === 'Include' } : {};
  return {
    ready: {
      step: 'Create',
      target: {
        containerID,
        name: '',
        location: '',
        exclusive: true,
        ...identityOf(vm),
        power: vm.power,
        ...(provider.capabilities.quiesces ? { quiesces: true } : {}),
        ...(level === undefined ? {} : { consistency: level }),
        ...(spec.displayName === undefined ? {} : { displayName: spec.displayName }),
        ...(spec.description === undefined ? {} : { description: spec.description }),
        ...memory,
        ...chosen.target,
        ...quiescing,
        ...(vm.taskID === undefined ? {} : { baseline: vm.taskID }),
      },
    },
  };
}

/** As `prepareNew`, for a snapshot that is there. */
export function prepareAdoption(facts: SnapshotFacts, { capabilities }: VMOperator): Preparation {
  const { object, seen, settings } = facts;
  const { id = '', vm, stampID } = object.spec.source.existing ?? {};
  const named = vm ?? (capabilities.namesVM ? vmOfSnapshot(facts, id, stampID) : undefined);
  if (named === undefined)
    return {
      refuse: {
        reason: 'InvalidSpec',
        message:
          'spec.source.existing.vm is not set: snapshots of this provider lie with their VM, so name it by id or name',
      },
    };
  if ('preparation' in named) return named.preparation;
  const stamp = stampID === undefined ? {} : { stampID };
  const found = resolvedVM(facts, { ...stamp, ...named }, 'Adopt');
  if ('preparation' in found) return found.preparation;
  const { containerID } = found;
  if (seen.source === undefined) return { next: { do: 'ReadSource', ref: { id, containerID } } };
  if (!succeeded(seen.source))
    return unreadable(facts, seen.source, `reading snapshot ${id} of VM ${found.vm.name}`);
  const snapshot = seen.source.value;
  const obstacle = adoptionObstacle(facts, snapshot);
  if (obstacle !== undefined) return { refuse: obstacle, requeueAfterMs: settings.driftIntervalMs };
  if (snapshot.vmID !== undefined && !sameID(snapshot.vmID, found.vm.id))
    return {
      refuse: {
        reason: 'InvalidSpec',
        message: `snapshot ${id} is of VM ${snapshot.vmID}, not of VM ${found.vm.name} (${found.vm.id})`,
      },
    };
  return {
    ready: {
      step: 'Adopt',
      target: {
        containerID,
        name: snapshot.name,
        existingID: snapshot.id,
        location: '',
        exclusive: true,
        ...identityOf(found.vm),
      },
    },
  };
}

/** The VM that a snapshot names itself; or what is to be done or said first. */
function vmOfSnapshot(
  facts: SnapshotFacts,
  id: string,
  stampID: string | undefined,
): { id: string; stampID?: string } | { preparation: Preparation } | undefined {
  const barred = sourceDenial(facts, 'Adopt');
  if (barred !== undefined) return { preparation: { wait: barred } };
  const { source } = facts.seen;
  if (source === undefined)
    return { preparation: { next: { do: 'ReadSource', ref: { id, containerID: stampID ?? '' } } } };
  if (!succeeded(source)) return { preparation: unreadable(facts, source, `reading snapshot ${id}`) };
  const { vmID, stampID: foundStamp } = source.value;
  if (vmID === undefined) return undefined;
  return { id: vmID, ...(foundStamp === undefined ? {} : { stampID: foundStamp }) };
}

function identityOf(vm: VM): Pick<SnapshotTarget, 'vmID' | 'vmName' | 'vmUID' | 'stampID'> {
  const stamp = vm.stampID === undefined ? {} : { stampID: vm.stampID };
  return { vmID: vm.id, vmName: vm.name, vmUID: vm.uid, ...stamp };
}

/** The VM, read and granted; or what is to be done or said first. */
function resolvedVM(
  facts: SnapshotFacts,
  wanted: { id?: string; name?: string; stampID?: string },
  operation: 'Snapshot' | 'Adopt',
): { vm: VM; containerID: string } | { preparation: Preparation } {
  const { seen } = facts;
  const barred = sourceDenial(facts, operation);
  if (barred !== undefined) return { preparation: { wait: barred } };
  const stamp = wanted.stampID === undefined ? {} : { stampID: wanted.stampID };
  const query: VMQuery =
    wanted.id === undefined ? { name: wanted.name ?? '', ...stamp } : { id: wanted.id, ...stamp };
  if (seen.vm === undefined) return { preparation: { next: { do: 'ReadVM', query } } };
  const called = wanted.id ?? wanted.name;
  if (!succeeded(seen.vm)) return { preparation: unreadable(facts, seen.vm, `reading VM ${called}`) };
  const vm = seen.vm.value;
  const denied = sourceDenial(facts, operation, vm) ?? denial(facts, operation, vm, nowhere);
  if (denied !== undefined) return { preparation: { wait: denied } };
  return { vm, containerID: vm.containerID ?? vm.id };
}

/** The disks that are to be in it, as the request names them, and those that are not. */
function chosenDisks(
  spec: VMSnapshotSpec,
  vm: VM,
): { taken: VMDisk[]; target: Partial<SnapshotTarget> } | Verdict {
  const { mode = 'All', ids = [] } = spec.disks ?? {};
  const named: VMDisk[] = [];
  for (const wanted of ids) {
    const disk = diskOf(vm, wanted);
    if (disk === undefined) return noSuchDisk('spec.disks.ids', wanted, vm);
    if (mode === 'Include' && disk.excluded !== undefined)
      return {
        reason: 'InvalidSpec',
        message: `spec.disks.ids names ${wanted}, which can be in no snapshot: ${disk.excluded}`,
      };
    named.push(disk);
  }
  if (mode === 'ConfigurationOnly') return { taken: [], target: { configurationOnly: true } };
  const possible = vm.disks.filter((disk) => disk.excluded === undefined);
  const taken =
    mode === 'All' ? possible : possible.filter((disk) => named.includes(disk) === (mode === 'Include'));
  if (taken.length === 0 && mode !== 'All')
    return {
      reason: 'InvalidSpec',
      message:
        'spec.disks leaves away every disk that could be in a snapshot. For the configuration alone, where the vendor takes that, set mode: ConfigurationOnly',
    };
  const imageIDs: { diskID: string; imageID: string }[] = [];
  for (const { disk: wanted, imageID } of spec.ovirt?.imageIDs ?? []) {
    const disk = diskOf(vm, wanted);
    if (disk === undefined) return noSuchDisk('spec.ovirt.imageIDs', wanted, vm);
    if (!taken.includes(disk))
      return {
        reason: 'InvalidSpec',
        message: `spec.ovirt.imageIDs names ${wanted}, which is not part of the snapshot. Take it out of one of them`,
      };
    imageIDs.push({ diskID: disk.id, imageID });
  }
  const leftAway = vm.disks.filter((disk) => !taken.includes(disk)).map(({ name }) => name);
  // With image ids each disk is named; else a request for all names none (oVirt sheet, section 6).
  const include =
    mode === 'All' && imageIDs.length === 0 ? {} : { includeDiskIDs: taken.map(({ id }) => id) };
  return {
    taken,
    target: {
      ...include,
      ...(imageIDs.length === 0 ? {} : { imageIDs }),
      ...(leftAway.length === 0 ? {} : { leftAway: leftAway.slice(0, 64) }),
    },
  };
}

function diskOf(vm: VM, wanted: string): VMDisk | undefined {
  return vm.disks.find((disk) => sameID(disk.id, wanted) || sameName(disk.name, wanted));
}

function noSuchDisk(field: string, wanted: string, vm: VM): Verdict {
  const names = vm.disks.map(({ name }) => name).join(', ');
  return {
    reason: 'InvalidSpec',
    message: `${field} names ${wanted}, which is no disk of VM ${vm.name}; its disks are ${names}`,
  };
}

/**
 * Whether the guest is frozen, or only thawed, by a call of our own. For ordinary disks the host freezes it, and fails
 * or waits where it finds it frozen. For Cinder disks oVirt's manual leaves it to the client, but by their sources
 * (CreateAllSnapshotsFromVmCommand, CreateSnapshotForVmCommand) engines freeze these guests themselves ever since they
 * have such disks, in 3.6: up to 4.3 the creation fails where that fails, so that to freeze before them would only
 * fail it, and nothing comes out unfrozen without a word. From 4.4.2 on their thaw is a part of the live snapshot, of
 * which there is none where no ordinary disk is in it: such a guest would stay frozen, and a thaw too many does no
 * harm. So `Auto` never freezes, and thaws there.
 */
function quiescingOf(
  spec: VMSnapshotSpec,
  vm: VM,
  taken: VMDisk[],
  { capabilities }: VMOperator,
): { freeze?: true; thaw?: true } | Verdict {
  const { freeze = 'Auto' } = spec.ovirt ?? {};
  const cinder = taken.length > 0 && taken.every((disk) => disk.cinder === true);
  if (freeze === 'Auto') {
    const staysFrozen = cinder && !capabilities.thawsItself && vm.power === 'On' && spec.memory !== 'Include';
    return staysFrozen ? { thaw: true } : {};
  }
  const refuse = (why: string): Verdict => ({
    reason: 'UnsupportedByProvider',
    message: `spec.ovirt.freeze: Always is set, but ${why}. Make a new VMSnapshot with freeze: Auto`,
  });
  if (!cinder) {
    const ordinary = taken.find((disk) => disk.cinder !== true)?.name ?? vm.name;
    return refuse(
      `${ordinary} is an ordinary disk, for which the host freezes the guest itself; frozen twice, that fails or hangs`,
    );
  }
  if (spec.memory === 'Include') return refuse('with its memory the guest is not to be frozen');
  if (vm.power === 'On') return { freeze: true };
  return {
    reason: 'PreconditionFailed',
    message: `spec.ovirt.freeze: Always needs a running VM, and VM ${vm.name} is ${vm.vendorState}`,
  };
}

/** One at a time on a VM, whatever it is. */
export function turn(facts: SnapshotFacts, target: SnapshotTarget): ReturnType<SnapshotPolicy['turn']> {
  const lane = laneOf(facts, target);
  const view = facts.neighbours.vmLane(target.vmID ?? '', lane);
  const subject = `VM ${target.vmName ?? target.vmID}`;
  return turnOn({ ...view, sends: [] }, facts.now, subject) ?? { lane, limit: lane };
}

/** As `turn`, for the removal: the vendor would refuse it while it is at work on the VM. */
export function removalTurn(
  facts: SnapshotFacts,
  target: SnapshotTarget,
): ReturnType<SnapshotPolicy['removalTurn']> {
  const turned = turn(facts, target);
  return 'wait' in turned ? { wait: turned.wait } : { lane: turned.lane };
}

function laneOf({ provider, object }: SnapshotFacts, target: SnapshotTarget): string {
  const connected = 'provider' in provider ? provider.provider?.endpointID : undefined;
  return vmLane(connected ?? object.status?.endpointID ?? '', target.containerID);
}

/** Whether the vendor's finished snapshot is what was asked for. */
export function assess(facts: SnapshotFacts, target: SnapshotTarget, snapshot: Snapshot): Assessment {
  const wrong = target.existingID === undefined ? wrongDisks(target, snapshot) : undefined;
  if (wrong !== undefined) return { is: 'Unfit', verdict: { reason: 'CreationFailed', message: wrong } };
  const { consistency } = facts.object.spec;
  const { level } = achieved(snapshot, target, facts.seen, recordedOf(facts.object));
  if (consistency?.policy === 'Require' && target.existingID === undefined) {
    if (level === undefined || fallsShort(level, consistency.level)) {
      const what = level === undefined ? 'nothing tells what was achieved' : `${level} was achieved`;
      return {
        is: 'Unfit',
        verdict: {
          reason: 'ConsistencyNotMet',
          message: `spec.consistency requires ${consistency.level}, and ${what}; the snapshot is removed. Mend the guest agent in the VM, or ask for less, and make a new object`,
        },
      };
    }
  }
  const message = `${nounOf(facts)} ${snapshot.name} can be used`;
  return { is: 'Ready', verdict: { reason: 'Available', message } };
}

/**
 * What is wrong with the disks of a snapshot for which they were named, or left out altogether; undefined where it has
 * those and no others. Engines pass over ids that they do not find, and releases differ in what an empty choice means
 * (oVirt sheet, section 6): a disk that is missing would be missed too late, and one too many would be put back.
 */
function wrongDisks(
  { configurationOnly, includeDiskIDs }: SnapshotTarget,
  { disks }: Snapshot,
): string | undefined {
  const wanted = configurationOnly === true ? [] : includeDiskIDs;
  if (wanted === undefined) return undefined;
  // The volumes of Cinder may have ids of their own in a snapshot: these are not compared.
  if (configurationOnly !== true && disks.some(({ cinder }) => cinder === true)) return undefined;
  const missing = wanted.filter((id) => !disks.some((disk) => disk.id !== undefined && sameID(disk.id, id)));
  const besides = disks.filter(({ id }) => id === undefined || !wanted.some((one) => sameID(one, id)));
  if (missing.length === 0 && besides.length === 0) return undefined;
  const asked = configurationOnly === true ? 'the configuration alone' : 'these disks alone';
  const found = [
    ...(missing.length === 0 ? [] : [`without ${missing.join(', ')}`]),
    ...(besides.length === 0 ? [] : [`with ${besides.map(({ name }) => name).join(', ')} besides`]),
  ];
  return `spec.disks asks for ${asked}, and the vendor made the snapshot ${found.join(' and ')}; it is removed. Look at the disks of the VM, and make a new object`.slice(
    0,
    1024,
  );
}

/** Keeps the configuration of the VM where that is asked for, before it is said to be ready. */
export function epilogue(facts: SnapshotFacts, snapshot: Snapshot): Step | undefined {
  const { object, seen, settings, random } = facts;
  const configMapName = object.spec.ovirt?.saveConfigurationTo?.configMapName;
  if (configMapName === undefined || object.status?.configuration !== undefined) return undefined;
  const { configurationKept } = seen;
  if (configurationKept === undefined) {
    const { id, containerID } = snapshot;
    return { do: 'KeepConfiguration', configMapName, ref: { id, containerID } };
  }
  if (configurationKept === true || typeof configurationKept === 'string') return undefined;
  const trouble = troubleOf(configurationKept, 'reading the configuration of the VM');
  return {
    do: 'Finish',
    verdict: trouble,
    snapshot,
    requeueAfterMs: Math.max(trouble.afterMs ?? 0, pollDelayMs(settings, 0, 0, random)),
  };
}
