/** What the demo plays with: the VMs of the simulated Azure, and the manifests that are applied. */
import { apiVersion, type KindName } from '../../src/api/kinds.ts';
import type { AzureSimulatorOptions } from '../simulators/azure/options.ts';
import type { VmSpec } from '../simulators/azure/state.ts';
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

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  [field: string]: unknown;
}

/** The copy that the demo waits for. */
export const copyName = 'db-1-northeurope';

/** Everything that a platform team and an application team would have in Git, in any order. */
export function manifests(azure: AzureAccount): Manifest[] {
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
  const made = (kind: KindName, name: string, spec: object): Manifest => ({
    apiVersion,
    kind,
    metadata: { name, ...(kind === 'ClusterVMProvider' ? {} : { namespace }) },
    spec,
  });
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
