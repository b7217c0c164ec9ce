/** Judges what was seen: what is wrong, and what to do about it. Pure. */
import { type KindName, kinds, version } from '../../api/kinds.ts';
import type { Reason } from '../../api/reasons.ts';
import { type Deadlines, standingOf } from '../../controllers/census.ts';
import { copyPolicy } from '../../controllers/restorepointcopy/policy.ts';
import { restoreDeadlines } from '../../controllers/vmrestore/basics.ts';
import { snapshotPolicy } from '../../controllers/vmsnapshot/policy.ts';
import { type AnyObject, isOf, operationOf, readyOf, stateOf } from '../objects.ts';
import { age, counted } from '../text.ts';
import { pathOf } from '../tree.ts';
import { apart } from '../tree-view.ts';
import type { Facts, LeaseFacts, OperatorFacts, Seen } from './facts.ts';
import { rightsWords } from './rights.ts';

/** `wrong` ends in exit code 1; `warning` should be looked at; `unseen` could not be looked at. */
export type Judgement = 'ok' | 'warning' | 'wrong' | 'unseen';

export interface Finding {
  /** What was looked at. */
  check: string;
  judgement: Judgement;
  message: string;
  /** What to do. */
  advice?: string;
}

/** The oldest Kubernetes that Keyframe supports; docs/operations.md says why. */
export const oldestKubernetes = '1.30';

/** All that is to be said, in the order in which things depend on each other. */
export function diagnose(facts: Facts): Finding[] {
  return [
    kubernetes(facts),
    clock(facts),
    ...definitions(facts),
    personal(facts),
    ...operators(facts),
    ...providers(facts),
    ...work(facts),
  ];
}

function kubernetes({ server }: Facts): Finding {
  const check = 'Kubernetes';
  const said = 'seen' in server ? server.seen.version : undefined;
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(said ?? '') ?? [];
  if (said === undefined || major === undefined || minor === undefined)
    return { check, judgement: 'unseen', message: `its version is not known${unseenWhy(server)}` };
  const [oldestMajor = 0, oldestMinor = 0] = oldestKubernetes.split('.').map(Number);
  const isOld = Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor);
  return isOld
    ? {
        check,
        judgement: 'wrong',
        message: `${said} is older than ${oldestKubernetes}, the oldest that Keyframe supports`,
        advice:
          'Upgrade the cluster: before that version, objects that were admitted once can become invalid when a definition gets stricter.',
      }
    : { check, judgement: 'ok', message: `${said}; ${oldestKubernetes} is the oldest that is supported` };
}

/** Differences of clocks that are told of, and that do harm. */
const [noticeableMs, harmfulMs] = [5_000, 60_000];

function clock({ server }: Facts): Finding {
  const check = 'Clock';
  const clocks = 'seen' in server ? server.seen.clocks : undefined;
  if (clocks === undefined)
    return { check, judgement: 'unseen', message: 'the API server does not tell the time' };
  const offMs = clocks.here - clocks.server;
  if (Math.abs(offMs) < noticeableMs)
    return { check, judgement: 'ok', message: 'this machine and the API server agree' };
  return {
    check,
    judgement: Math.abs(offMs) >= harmfulMs ? 'wrong' : 'warning',
    message: `this machine is ${age(Math.abs(offMs))} ${offMs > 0 ? 'ahead of' : 'behind'} the API server`,
    advice:
      'Set the clock that is wrong (NTP). Ages that are shown here, and the startBefore of a restore that is made here, go by this machine.',
  };
}

/** How many names a message tells. */
const mostNames = 8;

function some(names: readonly string[]): string {
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : '';
  return `${names.slice(0, mostNames).join(', ')}${more}`;
}

const applyDefinitions =
  "Apply the definitions of the operator's release: helm upgrade does it, or kubectl apply --server-side -k crds.";

function definitions({ served, fields, ownFields, definitions, build }: Facts): Finding[] {
  const check = 'Definitions';
  if (!('seen' in served))
    return [{ check, judgement: 'unseen', message: `what is served is not known${unseenWhy(served)}` }];
  const all = Object.keys(kinds) as KindName[];
  const absent = all.filter((kind) => !served.seen.has(kind));
  if (absent.length === all.length)
    return [
      {
        check,
        judgement: 'wrong',
        message: `no kind of keyframe.dev/${version} is served: Keyframe is not installed`,
        advice: 'Install it: charts/keyframe/README.md, or kubectl apply --server-side -k config/default.',
      },
    ];
  const found: Finding[] = [];
  if (absent.length > 0)
    found.push({
      check,
      judgement: 'wrong',
      message: `not served: ${some(absent)}. The definitions are older than this plugin (${build})`,
      advice: applyDefinitions,
    });
  if ('seen' in fields && 'seen' in ownFields) {
    const lacking: string[] = [];
    const unknown: string[] = [];
    for (const kind of all.filter((each) => served.seen.has(each))) {
      const theirs = fields.seen.get(kind);
      const ours = ownFields.seen.get(kind);
      if (theirs === undefined || ours === undefined) continue;
      lacking.push(...outermost(ours, theirs).map((field) => `${kind} ${field}`));
      unknown.push(...outermost(theirs, ours).map((field) => `${kind} ${field}`));
    }
    if (lacking.length > 0)
      found.push({
        check,
        judgement: 'wrong',
        message: `they lack fields of this release (${build}), which the API server drops: ${some(lacking)}`,
        advice: `${applyDefinitions} If it is the plugin that is newer, take the plugin of that release.`,
      });
    if (unknown.length > 0)
      found.push({
        check,
        judgement: 'warning',
        message: `they are newer than this plugin (${build}), which does not know: ${some(unknown)}`,
        advice: "Take the plugin of the operator's release.",
      });
  }
  if ('seen' in definitions) {
    for (const { kind, storedVersions, troubles } of definitions.seen) {
      const old = storedVersions.filter((each) => each !== version);
      if (old.length > 0)
        found.push({
          check,
          judgement: 'wrong',
          message: `${kind} is still stored as ${old.join(', ')}, too`,
          advice: `Write each object once, and then take ${old.join(', ')} out of status.storedVersions of its definition.`,
        });
      for (const trouble of troubles)
        found.push({
          check,
          judgement: 'wrong',
          message: `the definition of ${kind} does not work: ${trouble}`,
          advice: applyDefinitions,
        });
    }
  }
  if (found.length > 0) return found;
  const compared = 'seen' in fields && 'seen' in ownFields;
  const unseen = [
    ...(compared
      ? []
      : [`their fields could not be compared with this build's${unseenWhy(fields, ownFields)}`]),
    ...('seen' in definitions ? [] : ['in which versions objects are stored may not be read']),
  ];
  return [
    {
      check,
      judgement: 'ok',
      message: [
        `${all.length} kinds are served as ${version}${compared ? `, with the fields of this build (${build})` : ''}`,
        ...unseen,
      ].join('; '),
    },
  ];
}

/** The fields of one that the other lacks, without those below a field that is lacking itself. */
function outermost(one: ReadonlySet<string>, other: ReadonlySet<string>): string[] {
  const lacking = [...one].filter((field) => !other.has(field));
  return lacking.filter((field) => !lacking.some((outer) => field.startsWith(`${outer}.`)));
}

function personal({ mine, namespace }: Facts): Finding {
  const check = 'Your rights';
  if (!('seen' in mine))
    return { check, judgement: 'unseen', message: `they are not known${unseenWhy(mine)}` };
  const refused = mine.seen.filter(({ isGranted }) => !isGranted).map(({ right }) => right);
  const unseeable = refused.filter(({ verb }) => verb !== 'create');
  const makes = mine.seen.filter(({ right, isGranted }) => isGranted && right.verb === 'create');
  const can =
    makes.length === 0 ? 'make nothing' : `make ${makes.map(({ right }) => right.resource).join(', ')}`;
  if (unseeable.length === 0)
    return { check, judgement: 'ok', message: `in namespace ${namespace} you may see all, and ${can}` };
  return {
    check,
    judgement: unseeable.some(({ resource }) => resource === kinds.VMSnapshot.plural) ? 'wrong' : 'warning',
    message: `in namespace ${namespace} you may not ${rightsWords(unseeable)}`,
    advice: "Ask for the cluster's role view in that namespace (docs/security.md), or name another by -n.",
  };
}

function operators({ operators, lookedIn, strayLease, server }: Facts): Finding[] {
  const check = 'Operator';
  const now = 'seen' in server ? server.seen.clocks?.server : undefined;
  if ('seen' in operators && operators.seen.length > 0)
    return operators.seen.flatMap((operator) => [
      deployment(operator),
      operator.lease === undefined
        ? { check: 'Leader', judgement: 'ok', message: 'no election is held (--leader-elect=false)' }
        : leader(operator.namespace, operator.lease, now, `deployment/${operator.name}`),
      ...operatorRights(operator),
    ]);
  const leads = leader(lookedIn, strayLease, now, undefined);
  if (!('seen' in operators))
    return [
      {
        check,
        judgement: 'unseen',
        message: `whether one runs is not known${unseenWhy(operators)}`,
        advice: 'Whoever keeps it can run this, too; --operator-namespace says where it is.',
      },
      ...(leads.judgement === 'ok' ? [leads] : []),
    ];
  const nowhere = `no Deployment of an operator is found by its labels, or in namespace ${lookedIn}`;
  return leads.judgement === 'ok'
    ? [
        {
          check,
          judgement: 'warning',
          message: `${nowhere}: it runs outside of this cluster`,
          advice: 'If it should not, install it: charts/keyframe/README.md.',
        },
        leads,
      ]
    : [
        {
          check,
          judgement: 'wrong',
          message: nowhere,
          advice: 'Install it (charts/keyframe/README.md), or say by --operator-namespace where it is.',
        },
      ];
}

function deployment({ namespace, name, wanted, available, troubles, image }: OperatorFacts): Finding {
  const check = 'Operator';
  const title = `${namespace}/${name}`;
  const said = troubles.length === 0 ? '' : `: ${troubles.join('; ')}`;
  if (available >= wanted && wanted > 0 && troubles.length === 0)
    return {
      check,
      judgement: 'ok',
      message: `${title} runs ${counted(available, 'replica')} of ${image}`,
    };
  return {
    check,
    judgement: available === 0 ? 'wrong' : 'warning',
    message:
      wanted === 0
        ? `${title} is scaled to 0: nothing is worked on`
        : `${title} has ${available} of ${counted(wanted, 'replica')} ready${said}`,
    advice:
      wanted === 0
        ? `kubectl scale deployment ${name} -n ${namespace} --replicas=2`
        : `kubectl describe deployment ${name} -n ${namespace}; kubectl logs deployment/${name} -n ${namespace}`,
  };
}

/**
 * Whether a replica leads.
 *
 * @param now the clock of the API server
 * @param whose what has its logs, as kubectl takes it
 */
function leader(
  namespace: string,
  lease: LeaseFacts,
  now: number | undefined,
  whose: string | undefined,
): Finding {
  const check = 'Leader';
  const title = `Lease ${namespace}/${lease.name}`;
  const advice =
    whose === undefined
      ? 'See the logs of the operator.'
      : `See why no replica takes it: kubectl logs ${whose} -n ${namespace}`;
  if (!('seen' in lease)) return { check, judgement: 'unseen', message: `${title} may not be read` };
  const spec = lease.seen?.spec;
  const renewed = Date.parse(spec?.renewTime ?? '');
  if (!spec?.holderIdentity || Number.isNaN(renewed))
    return {
      check,
      judgement: 'wrong',
      message: `nobody leads: ${title} ${spec === undefined ? 'is not there' : 'has no holder'}`,
      advice,
    };
  const holder = spec.holderIdentity;
  if (now === undefined)
    return { check, judgement: 'unseen', message: `${holder} holds ${title}; since when is not known` };
  const since = now - renewed;
  if (since > (spec.leaseDurationSeconds ?? 15) * 1000 + noticeableMs)
    return {
      check,
      judgement: 'wrong',
      message: `nobody leads: ${holder} last renewed ${title} ${age(since)} ago`,
      advice,
    };
  if (since < -noticeableMs)
    return {
      check,
      judgement: 'warning',
      message: `the clock of ${holder}, which leads, is ${age(-since)} ahead of the API server`,
      advice: 'Set the clock of its node (NTP): deadlines of objects go by it.',
    };
  return { check, judgement: 'ok', message: `${holder} leads, and holds ${title}` };
}

function operatorRights({ namespace, account, missing }: OperatorFacts): Finding[] {
  const check = 'Its rights';
  const title = `ServiceAccount ${namespace}/${account}`;
  if (!('seen' in missing))
    return [
      { check, judgement: 'unseen', message: `what ${title} may do may not be asked${unseenWhy(missing)}` },
    ];
  if (missing.seen.length === 0)
    return [{ check, judgement: 'ok', message: `${title} has all that the operator needs` }];
  const where = Map.groupBy(missing.seen, ({ namespace: scope }) => scope);
  return [...where].map(([scope, those]) => {
    const secrets = those.map(({ name }) => name).filter((name) => name !== undefined);
    const others = those.filter(({ name }) => name === undefined).map(({ right }) => right);
    const words = [
      ...(others.length === 0 ? [] : [rightsWords(others)]),
      ...(secrets.length === 0 ? [] : [`get secrets ${some(secrets)}`]),
    ].join('; ');
    return {
      check,
      judgement: 'wrong' as const,
      message: `${title} may not ${words}${scope === undefined ? '' : ` in namespace ${scope}`}`,
      advice:
        secrets.length > 0
          ? "Grant it: the chart's rbac.secrets says which Secrets may be read (docs/security.md)."
          : 'Grant it: helm upgrade with rbac.create, or kubectl apply -k config/rbac (docs/security.md).',
    };
  });
}

/** An operator that runs has looked at an object by then. */
const lookedAtMs = 60_000;

function isUnseen(object: AnyObject, now: number): boolean {
  return readyOf(object) === undefined && now - Date.parse(object.metadata.creationTimestamp) > lookedAtMs;
}

/** The clock by which objects bear their times, else this machine's. */
function nowOf({ server }: Facts): number {
  return ('seen' in server ? server.seen.clocks?.server : undefined) ?? Date.now();
}

function titleOf(object: AnyObject): string {
  const { namespace } = object.metadata;
  return `${pathOf(object)}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

const notLookedAt =
  'See that an operator runs and leads, that its --namespaces has this one, and that the --watch-label-selector of a shard matches the provider.';

function providers(facts: Facts): Finding[] {
  const check = 'Providers';
  const { objects, scope } = facts;
  if (!('seen' in objects))
    return [{ check, judgement: 'unseen', message: `they are not known${unseenWhy(objects)}` }];
  const all = objects.seen.filter((each) => isOf(each, 'VMProvider') || isOf(each, 'ClusterVMProvider'));
  if (all.length === 0)
    return [
      {
        check,
        judgement: 'warning',
        message: `there is none${scope === undefined ? '' : ` in namespace ${scope}`}`,
        advice: 'Connect one: docs/providers.',
      },
    ];
  const found = all
    .filter((provider) => stateOf(provider) !== 'Ready')
    .map((provider) => troubleOf(provider, check, nowOf(facts)));
  const ready = all.length - found.length;
  return ready === 0
    ? found
    : [
        ...found,
        { check, judgement: 'ok', message: `${ready === all.length ? 'all' : ready} of ${all.length} ready` },
      ];
}

function troubleOf(object: AnyObject, check: string, now: number): Finding {
  const ready = readyOf(object);
  if (ready === undefined)
    return isUnseen(object, now)
      ? {
          check,
          judgement: 'wrong',
          message: `${titleOf(object)}: no operator looks at it`,
          advice: notLookedAt,
        }
      : { check, judgement: 'warning', message: `${titleOf(object)}: not looked at yet` };
  const { said, advice } = apart(ready.reason, ready.message);
  return {
    check,
    judgement: 'wrong',
    message: `${titleOf(object)}: ${ready.reason}: ${said}`,
    ...(advice === undefined ? {} : { advice }),
  };
}

/** How many objects of each sort are named. */
const mostObjects = 10;
/** Work that lasts longer without an end in sight. */
const longMs = 30 * 60_000;

/** Objects that are overdue, whose outcome is unknown, that drifted, that nobody looks at, or that failed. */
function work(facts: Facts): Finding[] {
  const check = 'Objects';
  const { objects, missing } = facts;
  if (!('seen' in objects))
    return [{ check, judgement: 'unseen', message: `they are not known${unseenWhy(objects)}` }];
  const now = nowOf(facts);
  const those = objects.seen.filter((each) => !isOf(each, 'VMProvider') && !isOf(each, 'ClusterVMProvider'));
  const found = those.map((object) => troubleOfWork(object, now)).filter((each) => each !== undefined);
  const named = found.slice(0, mostObjects);
  const more = found.length - named.length;
  return [
    ...named,
    ...(more === 0
      ? []
      : [
          {
            check,
            judgement: 'warning' as const,
            message: `${more} more like these`,
            advice: 'kubectl keyframe status -A',
          },
        ]),
    ...missing.map((text) => ({ check, judgement: 'unseen' as const, message: text })),
    ...(found.length > 0
      ? []
      : [{ check, judgement: 'ok' as const, message: `none of ${those.length} failed or is overdue` }]),
  ];
}

/** Failures that say something of the connection or of the vendor, beside the object. */
const alarming: ReadonlySet<string> = new Set<Reason>([
  'OutcomeUnknown',
  'DeadlineExceeded',
  'SnapshotMissing',
  'ModifiedOutside',
]);

function troubleOfWork(object: AnyObject, now: number): Finding | undefined {
  const check = 'Objects';
  const ready = readyOf(object);
  const state = stateOf(object);
  const title = titleOf(object);
  if (ready === undefined) return isUnseen(object, now) ? troubleOf(object, check, now) : undefined;
  if (state === 'Failed') {
    const { said, advice } = apart(ready.reason, ready.message);
    return {
      check,
      judgement: alarming.has(ready.reason) ? 'wrong' : 'warning',
      message: `${title}: ${ready.reason}: ${said}`,
      ...(advice === undefined ? {} : { advice }),
    };
  }
  if (state === 'Ready') return undefined;
  const unfinished = standingOf(object, deadlinesOf(object), now - graceMs).unfinished;
  if (unfinished?.overdue) {
    const what = { Start: 'waiting to begin', Finish: 'at work', Delete: 'being deleted' }[unfinished.work];
    return {
      check,
      judgement: 'wrong',
      message: `${title}: overdue: ${what} for ${age(unfinished.ageMs + graceMs)}: ${ready.reason}: ${ready.message}`,
      advice:
        'It should have ended by now: see that an operator runs and leads, and what it logs of this object.',
    };
  }
  const begun = Date.parse(operationOf(object)?.startedAt ?? '');
  if (ready.reason === ('ProgressingWithRetry' satisfies Reason) && now - begun > longMs)
    return {
      check,
      judgement: 'warning',
      message: `${title}: for ${age(now - begun)}: ${ready.message}`,
      advice: 'Look at the vendor for what the message names; it is found out and tried again by itself.',
    };
  const deleted = Date.parse(object.metadata.deletionTimestamp ?? '');
  if (now - deleted > longMs)
    return {
      check,
      judgement: 'warning',
      message: `${title}: being deleted for ${age(now - deleted)}: ${ready.reason}: ${ready.message}`,
      ...(ready.reason === ('DeletionBlocked' satisfies Reason)
        ? {
            advice:
              'Remove or finish what the message names; docs/operations.md says how to let it go without the vendor.',
          }
        : {}),
    };
  return undefined;
}

/** A deadline is noticed at the next look, which may take so long. */
const graceMs = 10 * 60_000;

function deadlinesOf(object: AnyObject): Deadlines | undefined {
  if (isOf(object, 'VMSnapshot')) return snapshotPolicy.deadlines(object);
  if (isOf(object, 'RestorePointCopy')) return copyPolicy.deadlines(object);
  if (isOf(object, 'VMRestore')) return restoreDeadlines(object);
  return undefined;
}

/** `: why`, for the first that could not be seen. */
function unseenWhy(...seen: Seen<unknown>[]): string {
  const why = seen.find((each) => 'unseen' in each);
  return why === undefined ? '' : `: ${(why as { unseen: string }).unseen}`;
}
