/** Manifests that commands make from what a person says. Pure. */
import { parseDuration } from '../api/duration.ts';
import { apiVersion } from '../api/kinds.ts';
import type { ProviderRef } from '../api/v1alpha1/common.ts';
import type { ClusterVMProvider, VMProvider } from '../api/v1alpha1/vm-provider.ts';
import type { VMSnapshotSpec } from '../api/v1alpha1/vm-snapshot.ts';
import { Failure, UsageError } from './failure.ts';

export interface Manifest<Spec> {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  spec: Spec;
}

/** What a person says of a snapshot. */
export interface SnapshotWish {
  /** A name, or the vendor's id. */
  vm: string;
  resourceGroup: string | undefined;
  provider: ProviderRef;
  namespace: string;
  name: string | undefined;
  consistency: 'Application' | 'FileSystem' | 'Crash' | undefined;
  /** Whether less consistency than asked for is a failure. */
  require: boolean;
  memory: 'Include' | 'Exclude' | undefined;
  description: string | undefined;
  ttl: string | undefined;
  deletionPolicy: 'Delete' | 'Retain' | undefined;
}

/** A VMSnapshot, with nothing in it that was not asked for. */
export function snapshotManifest(wish: SnapshotWish, now: number): Manifest<VMSnapshotSpec> {
  const { vm, resourceGroup, consistency, memory, description, ttl, deletionPolicy } = wish;
  if (wish.require && consistency === undefined)
    throw new UsageError('--require goes with --consistency: it says what falling short of it means');
  if (resourceGroup !== undefined && isID(vm))
    throw new UsageError('--resource-group goes with the name of a VM; an id holds its own');
  if (ttl !== undefined) checkDuration('ttl', ttl);
  return {
    apiVersion,
    kind: 'VMSnapshot',
    metadata: { name: wish.name ?? nameFor(vm, now), namespace: wish.namespace },
    spec: {
      providerRef: wish.provider,
      source: { vm: isID(vm) ? { id: vm } : { name: vm, ...given({ resourceGroup }) } },
      ...given({ description, memory, ttl, deletionPolicy }),
      ...(consistency === undefined
        ? {}
        : { consistency: { level: consistency, policy: wish.require ? 'Require' : 'Prefer' } }),
    },
  };
}

/** The members that are set. */
export function given<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}

/** Whether it is a vendor's id of a VM: an Azure id or a GUID, as oVirt and SPF have them. */
export function isID(vm: string): boolean {
  return vm.startsWith('/') || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(vm);
}

/** A name for a new object: what it is about, and the second in UTC. */
export function nameFor(about: string, now: number): string {
  const last = about.split('/').at(-1) ?? about;
  const slug = last
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 200)
    .replaceAll(/^-|-$/g, '');
  const second = new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `${slug === '' ? 'vm' : slug}-${second}`;
}

/** @throws UsageError unless it is a duration as the kinds take it */
export function checkDuration(option: string, value: string): number {
  try {
    return parseDuration(value);
  } catch {
    throw new UsageError(
      `--${option} takes a duration such as 90s, 2h30m, or 168h for 7 days, not ${JSON.stringify(value)}`,
    );
  }
}

/** `azure`, `vmp/azure` or `cvmp/shared` as a reference. */
export function providerNamed(text: string): ProviderRef {
  const [, kind = '', name = ''] = /^(?:([^/]+)\/)?([^/]+)$/.exec(text) ?? [];
  const word = kind.toLowerCase().replace(/\.keyframe\.dev$/, '');
  if (['', 'vmp', 'vmprovider', 'vmproviders'].includes(word) && name !== '')
    return { kind: 'VMProvider', name };
  if (['cvmp', 'clustervmprovider', 'clustervmproviders'].includes(word))
    return { kind: 'ClusterVMProvider', name };
  throw new UsageError(`--provider takes NAME, vmp/NAME or cvmp/NAME, not ${JSON.stringify(text)}`);
}

/**
 * The provider that is meant where none was named: the only one of the namespace, else the only one of the cluster.
 *
 * @throws Failure when there is none or several, with their names
 */
export function onlyProvider(own: VMProvider[], shared: ClusterVMProvider[], namespace: string): ProviderRef {
  const [first] = own;
  if (own.length === 1 && first !== undefined) return { kind: 'VMProvider', name: first.metadata.name };
  const [firstShared] = shared;
  if (own.length === 0 && shared.length === 1 && firstShared !== undefined)
    return { kind: 'ClusterVMProvider', name: firstShared.metadata.name };
  const names = [
    ...own.map(({ metadata }) => metadata.name),
    ...shared.map(({ metadata }) => `cvmp/${metadata.name}`),
  ];
  if (names.length === 0)
    throw new Failure(
      `namespace ${namespace} has no VMProvider, and no ClusterVMProvider is to be seen`,
      'Make a VMProvider (docs/providers), or name the provider by --provider: whoever may not list ClusterVMProviders can use one all the same.',
    );
  throw new Failure(
    `there are several providers: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', ..' : ''}`,
    'Name one by --provider.',
  );
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w./:@=+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
