/** Rights that people and the operator need. Pure. */
import { group, type KindName, kinds } from '../../api/kinds.ts';
import type { AnyObject } from '../objects.ts';

export interface Right {
  verb: string;
  group: string;
  /** Plural. */
  resource: string;
  subresource?: string;
}

const right = (verb: string, kind: KindName, subresource?: string): Right => ({
  verb,
  group,
  resource: kinds[kind].plural,
  ...(subresource === undefined ? {} : { subresource }),
});

const namespacedKinds = (Object.keys(kinds) as KindName[]).filter((kind) => kinds[kind].namespaced);

/** What people of a namespace are asked about: to see everything, and to make what stands for work. */
export const personalRights: readonly Right[] = [
  ...namespacedKinds.flatMap((kind) => ['list', 'watch'].map((verb) => right(verb, kind))),
  ...namespacedKinds.map((kind) => right('create', kind)),
];

const followed = ['get', 'list', 'watch'];
/** Kinds that stand for nothing at the vendor bear no finalizer and no annotation of the operator. */
const onlyRead: readonly KindName[] = ['VMSnapshotInventory'];

/** What the operator needs in each namespace that it serves, whatever is asked of it. */
export const operatorRights: readonly Right[] = [
  ...namespacedKinds.flatMap((kind) => rightsOn(kind)),
  right('create', 'RestorePointCollection'),
  right('delete', 'RestorePointCollection'),
  right('delete', 'VMSnapshot'),
  ...['create', 'patch'].map((verb) => ({ verb, group: 'events.k8s.io', resource: 'events' })),
];

/** What it needs beside these where it serves the whole cluster. */
export const clusterRights: readonly Right[] = [
  ...rightsOn('ClusterVMProvider'),
  ...followed.map((verb) => ({ verb, group: '', resource: 'namespaces' })),
];

/** What it needs in its own namespace to be elected. */
export const electionRights: readonly Right[] = ['get', 'create', 'patch'].map((verb) => ({
  verb,
  group: 'coordination.k8s.io',
  resource: 'leases',
}));

/** What it needs of a Secret that a provider names. */
export const secretRight: Right = { verb: 'get', group: '', resource: 'secrets' };

function rightsOn(kind: KindName): Right[] {
  const verbs = onlyRead.includes(kind) ? followed : [...followed, 'patch'];
  return [...verbs.map((verb) => right(verb, kind)), right('patch', kind, 'status')];
}

/** A right in words: `patch vmsnapshots/status`. */
export function rightWords({ verb, resource, subresource }: Right): string {
  return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** Rights in words, those on one resource together: `get, list and watch vmsnapshots; patch vmsnapshots/status`. */
export function rightsWords(rights: readonly Right[]): string {
  const verbs = new Map<string, string[]>();
  for (const { verb, resource, subresource } of rights) {
    const on = subresource === undefined ? resource : `${resource}/${subresource}`;
    verbs.set(on, [...(verbs.get(on) ?? []), verb]);
  }
  return [...verbs].map(([on, those]) => `${those.join(', ')} ${on}`).join('; ');
}

/** The Secrets that the spec of a provider names, wherever in it. */
export function secretNames(provider: AnyObject): string[] {
  const names = new Set<string>();
  const look = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      if (/secretRef$/i.test(key) && typeof member?.name === 'string') names.add(member.name);
      else look(member);
    }
  };
  look(provider.spec);
  return [...names];
}
