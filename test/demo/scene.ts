/** What the demo plays with: the VMs of the simulated vendors, the manifests that are applied, and what follows. */
import { apiVersion, type KindName } from '../../src/api/kinds.ts';
import { type AnyObject, readyOf } from '../../src/cli/objects.ts';
import type { AzureSimulatorOptions } from '../simulators/azure/options.ts';
import type { VmSpec } from '../simulators/azure/state.ts';
import type { OvirtSimulatorOptions } from '../simulators/ovirt/options.ts';
import type { VmSpec as EngineVmSpec } from '../simulators/ovirt/seeds.ts';
import type { SpfSimulatorOptions } from '../simulators/spf/options.ts';
import type { VmSpec as CheckpointVmSpec } from '../simulators/spf/state.ts';
import { operatorNamespace } from '../support/installation.ts';

export const namespace = 'demo';
export const resourceGroup = 'rg-demo';
const location = 'westeurope';
export const copyLocation = 'northeurope';

/** Azure at 30 times its pace, but for replication, which it reports on more often than Azure does. */
export const speed = 30;
export const azureOptions: AzureSimulatorOptions = { speed, durations: { replicationRefreshSeconds: 30 } };

const minutes = (count: number): number => count * 60;

export const vms: VmSpec[] = [
  {
    name: 'web-1',
    createSeconds: 90,
    osDisk: { name: 'web-1-os', sizeGB: 30 },
  },
  {
    name: 'erp-1',
    osType: 'Windows',
    createSeconds: 150,
    osDisk: { name: 'erp-1-os', sizeGB: 127 },
    dataDisks: [{ name: 'erp-1-data', sizeGB: 256 }],
  },
  {
    name: 'cache-1',
    osDisk: { name: 'cache-1-os', sizeGB: 30, sku: 'Premium_LRS' },
  },
  {
    name: 'files-1',
    createSeconds: 120,
    osDisk: { name: 'files-1-os', sizeGB: 30 },
    dataDisks: [
      { name: 'files-1-data', sizeGB: 512 },
      { name: 'files-1-scratch', sizeGB: 1024 },
    ],
  },
  {
    name: 'db-1',
    createSeconds: 60,
    osDisk: { name: 'db-1-os', sizeGB: 30, replicationSeconds: minutes(9) },
    dataDisks: [
      { name: 'db-1-log', sizeGB: 64, replicationSeconds: minutes(15) },
      { name: 'db-1-data', sizeGB: 256, replicationSeconds: minutes(25) },
      { name: 'db-1-archive', sizeGB: 128, replicationSeconds: minutes(20) },
    ],
  },
].map((vm) => ({ resourceGroup, location, ...vm }) as VmSpec);

/** An engine and an SPF whose work takes some seconds here. */
export const engineOptions: OvirtSimulatorOptions = {
  speed: 10,
  durations: { createSeconds: 60, shutdownSeconds: 40, startSeconds: 40, mergeSeconds: 60 },
};
export const spfOptions: SpfSimulatorOptions = {
  speed: 10,
  durations: { createSeconds: 80, restoreSeconds: 80, deleteSeconds: 40, mergeSeconds: 20 },
};

const engineVMID = (nth: number): string => `0a7c0000-0000-4000-8000-00000000000${nth}`;
const gibibyte = 2 ** 30;

export const engineVMs: EngineVmSpec[] = [
  { id: engineVMID(1), name: 'shop-1', disks: [{ alias: 'shop-1-os' }, { alias: 'shop-1-data' }] },
  {
    id: engineVMID(2),
    name: 'shop-2',
    memoryBytes: 4 * gibibyte,
    disks: [{ alias: 'shop-2-os' }, { alias: 'shop-2-data' }, { alias: 'shop-2-scratch' }],
  },
  { id: engineVMID(3), name: 'shop-3', status: 'down', disks: [{ alias: 'shop-3-os' }] },
];

const checkpointVMID = (nth: number): string => `0b7c0000-0000-4000-8000-00000000000${nth}`;

export const checkpointVMs: CheckpointVmSpec[] = [
  { id: checkpointVMID(1), name: 'hr-1' },
  { id: checkpointVMID(2), name: 'hr-2' },
];

/** What a provider of the simulated Azure needs to know. */
export interface AzureAccount {
  resourceManagerUrl: string;
  authorityUrl: string;
  tenantId: string;
  subscriptionId: string;
  clientId: string;
  clientSecret: string;
  caPem: string;
}

/** Of the simulated engine. */
export interface OvirtAccount {
  url: string;
  username: string;
  password: string;
  caPem: string;
}

/** Of the simulated SPF. */
export interface SpfAccount {
  adminRoot: string;
  account: { user: string; password: string; domain: string };
  caPem: string;
}

export interface Vendors {
  azure: AzureAccount;
  ovirt: OvirtAccount;
  spf: SpfAccount;
}

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  [field: string]: unknown;
}

/** The copy that the demo waits for. */
export const copyName = 'db-1-northeurope';

/** Everything that a platform team and an application team would have in Git, in any order. */
export function manifests(vendors: Vendors): Manifest[] {
  return [...azureManifests(vendors.azure), ...engineManifests(vendors.ovirt), ...spfManifests(vendors.spf)];
}

/** What is applied for Azure, which the README shows. */
export function azureManifests(azure: AzureAccount): Manifest[] {
  const secretName = 'azure-credentials';
  const secret = (inNamespace: string): Manifest => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName, namespace: inNamespace },
    stringData: { clientSecret: azure.clientSecret },
  });
  const connection = {
    azure: {
      cloud: 'Custom',
      endpoints: {
        resourceManager: azure.resourceManagerUrl,
        authority: azure.authorityUrl,
        audience: 'https://management.azure.com/',
      },
      subscriptionID: azure.subscriptionId,
      tenantID: azure.tenantId,
      auth: { clientSecret: { clientID: azure.clientId, secretRef: { name: secretName } } },
      resourceGroup,
    },
    tls: { caBundle: azure.caPem },
    probeInterval: '10s',
  };
  const snapshot = (name: string, vm: string, more: object = {}, provider: object = { name: 'azure' }) =>
    made('VMSnapshot', name, { providerRef: provider, source: { vm: { name: vm } }, ...more });

  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    secret(namespace),
    secret(operatorNamespace),
    made('VMProvider', 'azure', connection),
    made('ClusterVMProvider', 'azure-shared', {
      ...connection,
      access: [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          operations: ['Snapshot'],
          vms: { names: ['web-1'] },
        },
      ],
    }),
    snapshot('web-1-nightly', 'web-1', {}, { kind: 'ClusterVMProvider', name: 'azure-shared' }),
    snapshot('erp-1-nightly', 'erp-1', { consistency: { level: 'Application', policy: 'Require' } }),
    snapshot('cache-1-crash', 'cache-1', { consistency: { level: 'Crash' } }),
    snapshot('files-1-without-scratch', 'files-1', { disks: { mode: 'Exclude', ids: ['files-1-scratch'] } }),
    snapshot('db-1-nightly', 'db-1'),
    made('RestorePointCopy', copyName, {
      source: { snapshotRef: { name: 'db-1-nightly' } },
      target: { location: copyLocation },
    }),
  ];
}

function made(kind: KindName, name: string, spec: object): Manifest {
  return {
    apiVersion,
    kind,
    metadata: { name, ...(kind === 'ClusterVMProvider' ? {} : { namespace }) },
    spec,
  };
}

function userSecret(name: string, username: string, password: string): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData: { username, password },
  };
}

/** Restores begin within this time or never. */
const soon = (): string => new Date(Date.now() + 600_000).toISOString();

/** A snapshot, one with the memory and two of three disks, a restore of a running VM, and a look that is undone. */
function engineManifests({ url, username, password, caPem }: OvirtAccount): Manifest[] {
  const snapshot = (name: string, vm: string, more: object = {}) =>
    made('VMSnapshot', name, { providerRef: { name: 'engine' }, source: { vm: { name: vm } }, ...more });
  const restore = (name: string, from: string, vmID: string, more: object) =>
    made('VMRestore', name, {
      source: { snapshotRef: { name: from } },
      strategy: 'InPlace',
      startBefore: soon(),
      target: { vmID },
      ...more,
    });
  return [
    userSecret('engine', username, password),
    made('VMProvider', 'engine', {
      ovirt: { url, auth: { oauth: { secretRef: { name: 'engine' } } } },
      tls: { caBundle: caPem },
      probeInterval: '10s',
    }),
    snapshot('shop-1-nightly', 'shop-1', { description: 'before the sale' }),
    snapshot('shop-2-with-memory', 'shop-2', {
      memory: 'Include',
      disks: { mode: 'Exclude', ids: ['shop-2-scratch'] },
    }),
    snapshot('shop-3-nightly', 'shop-3'),
    restore('shop-1-back', 'shop-1-nightly', engineVMID(1), { power: 'StopAndStart' }),
    restore('shop-3-look', 'shop-3-nightly', engineVMID(3), { preview: { action: 'Hold' } }),
  ];
}

/** A checkpoint that is restored, and one that is deleted again. */
function spfManifests({ adminRoot, account, caPem }: SpfAccount): Manifest[] {
  const snapshot = (name: string, vm: string, more: object = {}) =>
    made('VMSnapshot', name, { providerRef: { name: 'spf' }, source: { vm: { name: vm } }, ...more });
  return [
    userSecret('spf', `${account.domain}\\${account.user}`, account.password),
    made('VMProvider', 'spf', {
      spf: {
        url: adminRoot,
        principalID: 'demo@contoso.example',
        auth: { ntlm: { secretRef: { name: 'spf' } } },
      },
      tls: { caBundle: caPem },
      probeInterval: '10s',
    }),
    snapshot('hr-1-before-update', 'hr-1', { displayName: 'before the update' }),
    snapshot('hr-2-unneeded', 'hr-2'),
    made('VMRestore', 'hr-1-back', {
      source: { snapshotRef: { name: 'hr-1-before-update' } },
      strategy: 'InPlace',
      startBefore: soon(),
      target: { vmID: checkpointVMID(1) },
      power: 'StopAndStart',
    }),
  ];
}

/** What somebody does in the course of the demo: when an object says so, another command. */
export interface Act {
  kind: KindName;
  name: string;
  /** The reason of Ready that is waited for. */
  when: string;
  /** What is told of it. */
  told: string;
  /** A merge patch; the object is deleted where there is none. */
  patch?: object;
}

export const acts: Act[] = [
  {
    kind: 'VMRestore',
    name: 'shop-3-look',
    when: 'AwaitingDecision',
    told: 'somebody has looked at shop-3 as it was, and has the preview undone',
    patch: { spec: { preview: { action: 'Undo' } } },
  },
  {
    kind: 'VMSnapshot',
    name: 'hr-2-unneeded',
    when: 'Available',
    told: 'somebody deletes hr-2-unneeded',
  },
];

/** The first act that is due. */
export function actDue(objects: AnyObject[], open: readonly Act[]): Act | undefined {
  return open.find(({ kind, name, when }) =>
    objects.some(
      (object) => object.kind === kind && object.metadata.name === name && readyOf(object)?.reason === when,
    ),
  );
}
