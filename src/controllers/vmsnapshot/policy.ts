import { condition, type Verdict } from '../../api/conditions.ts';
import { parseDuration } from '../../api/duration.ts';
import type { VMSnapshot, VMSnapshotSpec } from '../../api/v1alpha1/vm-snapshot.ts';
import type { Capabilities, SnapshotTarget, Support } from '../../providers/provider.ts';
import { readIntent } from '../intent.ts';
import type { KindPolicy } from '../lifecycle/facts.ts';
import { isAway } from '../lifecycle/replication.ts';
import * as azure from './azure.ts';
import type { SnapshotFacts, SnapshotNeighbours } from './facts.ts';
import { nounOf } from './prepare.ts';
import { recordedOf, statusOf } from './status.ts';
import * as vmHeld from './vm-held.ts';

export const snapshotPolicy: KindPolicy<VMSnapshot, SnapshotNeighbours> = {
  noun: nounOf,
  bounded: false,
  providerRef: (object) => object.spec.providerRef,
  recorded: recordedOf,
  status: statusOf,
  deletionPolicy: ({ spec }) =>
    spec.deletionPolicy ?? (spec.source.existing === undefined ? 'Delete' : 'Retain'),
  deadlines: ({ spec }) => ({
    deadlineMs: parseDuration(spec.deadline ?? '2h'),
    startDeadlineMs: parseDuration(spec.startDeadline ?? '24h'),
    ttlMs: spec.ttl === undefined ? undefined : parseDuration(spec.ttl),
  }),

  prepare(facts) {
    if (facts.provider.state !== 'Ready')
      return { wait: { reason: 'WaitingForProvider', message: 'the provider is not ready' } };
    const { provider } = facts.provider;
    const { spec } = facts.object;
    const unsupported = unsupportedField(spec, provider.capabilities);
    if (unsupported !== undefined) return { refuse: unsupported };
    const adopted = spec.source.existing;
    if (provider.vendor === 'azure')
      return adopted === undefined
        ? azure.prepareNew(facts, provider)
        : azure.prepareAdoption(facts, provider, adopted.id);
    return adopted === undefined
      ? vmHeld.prepareNew(facts, provider)
      : vmHeld.prepareAdoption(facts, provider);
  },

  turn: (facts, target) =>
    target.exclusive === true ? vmHeld.turn(facts, target) : azure.turn(facts, target),
  objection: (facts, target, present) =>
    target.exclusive === true ? undefined : azure.objection(facts, target, present),
  removalTurn: (facts, target) => (target.exclusive === true ? vmHeld.removalTurn(facts, target) : undefined),

  collectionName: (facts) => {
    const { object } = facts;
    if (object.spec.source.existing !== undefined) return undefined;
    const target = readIntent<SnapshotTarget>(object)?.target;
    if (target?.exclusive === true) return undefined;
    if (object.spec.azure?.collectionRef !== undefined) return object.spec.azure.collectionRef.name;
    return target?.vmUID === undefined
      ? undefined
      : azure.automaticNameFor(facts, target.vmUID, target.location);
  },

  view: (_facts, target) => ({ progress: isAway(target) }),
  assess: (facts, target, snapshot) =>
    target.exclusive === true
      ? vmHeld.assess(facts, target, snapshot)
      : azure.assess(facts, target, snapshot),
  redescription,
  epilogue: (facts, snapshot) => vmHeld.epilogue(facts, snapshot),
};

/** The first field that asks for what the provider lacks: refused, never ignored. */
function unsupportedField(spec: VMSnapshotSpec, can: Capabilities): Verdict | undefined {
  const { ovirt, disks, source, consistency } = spec;
  const asked: [field: string, isAsked: boolean, support: Support][] = [
    ['memory', spec.memory !== undefined, can.memory],
    ['displayName', spec.displayName !== undefined, can.displayName],
    ['description', spec.description !== undefined, can.description],
    ['disks.mode: ConfigurationOnly', disks?.mode === 'ConfigurationOnly', can.disks.configurationOnly],
    ['disks.mode: Include', disks?.mode === 'Include', can.disks.include],
    ['disks.mode: Exclude', disks?.mode === 'Exclude', can.disks.exclude],
    ['consistency', consistency !== undefined, can.consistency[consistency?.level ?? 'Crash']],
    ['azure', spec.azure !== undefined, can.collections],
    ['source.vm.resourceGroup', source.vm?.resourceGroup !== undefined, can.collections],
    ['source.vm.stampID', source.vm?.stampID !== undefined, can.stamps],
    ['source.existing.stampID', source.existing?.stampID !== undefined, can.stamps],
    ['ovirt.freeze', ovirt?.freeze !== undefined, can.freeze],
    ['ovirt.saveConfigurationTo', ovirt?.saveConfigurationTo !== undefined, can.configuration],
    ['ovirt.imageIDs', ovirt?.imageIDs !== undefined, can.imageIDs],
  ];
  for (const [field, isAsked, support] of asked) {
    if (isAsked && support !== true)
      return {
        reason: 'UnsupportedByProvider',
        message: `spec.${field} is set, but ${support}. Make a new VMSnapshot without it`,
      };
  }
  return undefined;
}

/** Whether people have changed the description since the vendor was last told of it. */
function redescription(
  { object, provider }: SnapshotFacts,
  target: SnapshotTarget,
): ReturnType<KindPolicy<VMSnapshot, SnapshotNeighbours>['redescription']> {
  const { description, displayName } = object.spec;
  if (description === object.status?.description) return undefined;
  const capabilities = 'provider' in provider ? provider.provider?.capabilities : undefined;
  if (capabilities === undefined) return undefined;
  const refuse = (why: string) => ({
    refuse: {
      reason: 'UnsupportedByProvider' as const,
      message: `spec.description was changed, but ${why}. The ${capabilities.noun} can be used as it is; put the description back`,
    },
  });
  if (capabilities.rename !== true) return refuse(capabilities.rename);
  if (target.existingID !== undefined) return refuse('what was adopted keeps its own texts');
  return {
    texts: {
      name: target.name,
      ...(displayName === undefined ? {} : { displayName }),
      ...(description === undefined ? {} : { description }),
    },
  };
}

/** Whether an object has something under way at the vendor, and so holds its lane. */
export function isUnderWay(object: VMSnapshot): boolean {
  const intent = readIntent<SnapshotTarget>(object);
  if (intent === undefined) return false;
  const { status } = object;
  const { operation, provisioningState } = status ?? {};
  // A removal holds the VM where one thing at a time is done on it; one that failed waits, and holds nothing.
  if (intent.target.exclusive === true && provisioningState === 'Deleting')
    return operation?.kind === 'Delete' && operation.nextAttemptAt === undefined;
  if (intent.step !== 'Create') return false;
  if (status?.completionTime !== undefined || (operation?.attempts ?? 0) >= intent.attempt) return false;
  // Taken directly in another region it goes on replicating; the VM is free again. So it is when what was made is
  // being removed, however long a lock holds that up.
  if (['Succeeded', 'Failed', 'Deleting'].includes(provisioningState ?? '')) return false;
  return condition(status?.conditions, 'Ready')?.reason !== 'OutcomeUnknown';
}
