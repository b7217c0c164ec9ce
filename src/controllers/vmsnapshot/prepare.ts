import type { Verdict } from '../../api/conditions.ts';
import type { Failure } from '../../providers/outcome.ts';
import { type AccessRequest, accessDenial, sourceAccessDenial } from '../access.ts';
import { readMark } from '../intent.ts';
import type { Preparation } from '../lifecycle/facts.ts';
import { waitDelayMs } from '../settings.ts';
import { sourceTrouble } from '../trouble.ts';
import type { SnapshotFacts } from './facts.ts';

/** What the vendor calls a snapshot. */
export function nounOf({ provider }: Pick<SnapshotFacts, 'provider'>): string {
  return 'provider' in provider && provider.provider !== undefined
    ? provider.provider.capabilities.noun
    : 'snapshot';
}

/** What a ClusterVMProvider does not grant; undefined where all is granted. */
export function denial(
  facts: SnapshotFacts,
  operation: AccessRequest['operation'],
  vm: AccessRequest['vm'],
  target: AccessRequest['target'],
): Verdict | undefined {
  const { object, neighbours, provider } = facts;
  if (object.spec.providerRef.kind !== 'ClusterVMProvider' || provider.state !== 'Ready') return undefined;
  const namespace = object.metadata.namespace ?? '';
  return accessDenial(
    provider.access,
    { operation, namespace, namespaceLabels: neighbours.namespaceLabels, vm, target },
    object.spec.providerRef.name,
  );
}

/** As `denial`, before anything is told of the VM that was resolved, or is to be. */
export function sourceDenial(
  facts: SnapshotFacts,
  operation: AccessRequest['operation'],
  vm?: AccessRequest['vm'],
): Verdict | undefined {
  const { object, neighbours, provider } = facts;
  const { providerRef } = object.spec;
  if (providerRef.kind !== 'ClusterVMProvider' || provider.state !== 'Ready') return undefined;
  const { namespaceLabels } = neighbours;
  const namespace = object.metadata.namespace ?? '';
  return sourceAccessDenial(provider.access, { operation, namespace, namespaceLabels, vm }, providerRef.name);
}

export function unreadable(facts: SnapshotFacts, failure: Failure, what: string): Preparation {
  const trouble = sourceTrouble(failure, what);
  const { driftIntervalMs } = facts.settings;
  if (trouble.reason === 'SourceNotFound' || trouble.reason === 'AmbiguousSource')
    return { refuse: trouble, requeueAfterMs: driftIntervalMs };
  return { wait: trouble, requeueAfterMs: Math.max(trouble.afterMs ?? 0, waitDelayMs(facts)) };
}

/** Why an adoption of what bears a mark, or is another object's, must not be; undefined where nothing is against it. */
export function adoptionObstacle(
  { object, neighbours, settings }: SnapshotFacts,
  wanted: { id: string; name: string },
): Verdict | undefined {
  const holder = neighbours.adoptedBy(wanted.id);
  if (holder !== undefined)
    return {
      reason: 'AdoptionConflict',
      message: `${wanted.name} is that of ${holder} already. Use that object, or delete it first`,
    };
  const mark = readMark(wanted.name);
  if (mark === undefined || mark.uid === object.metadata.uid) return undefined;
  const owner = mark.cluster === settings.cluster ? neighbours.objectWithUID(mark.uid) : undefined;
  if (owner !== undefined)
    return {
      reason: 'AdoptionConflict',
      message: `${wanted.name} was made for ${owner}, which is still there. Use that object`,
    };
  if (object.spec.deletionPolicy !== 'Delete') return undefined;
  const maker = mark.cluster === settings.cluster ? 'an object that is gone' : `cluster ${mark.cluster}`;
  return {
    reason: 'AdoptionConflict',
    message: `${wanted.name} bears the mark of another object (UID ${mark.uid}, of ${maker}), so it can be adopted with deletionPolicy: Retain only`,
  };
}
