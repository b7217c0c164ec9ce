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

/** Rights in words: `get, list vmsnapshots, vmrestores; patch vmsnapshots/status`. */
export function rightsWords(rights: readonly Right[]): string {
  const where = ({ resource, subresource }: Right) =>
    subresource === undefined ? resource : `${resource}/${subresource}`;
  const byResource = Map.groupBy(rights, where);
  const byVerbs = Map.groupBy(byResource, ([, those]) => those.map(({ verb }) => verb).join(', '));
  return [...byVerbs].map(([verbs, those]) => `${verbs} ${those.map(([on]) => on).join(', ')}`).join('; ');
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
