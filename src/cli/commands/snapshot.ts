import { kinds } from '../../api/kinds.ts';
import type { ProviderRef } from '../../api/v1alpha1/common.ts';
import type { ClusterVMProvider, VMProvider } from '../../api/v1alpha1/vm-provider.ts';
import { resourceTypes } from '../../controllers/resources.ts';
import { type Cluster, connect } from '../cluster.ts';
import { type Call, command, connectionOptions, namespaceOption } from '../command.ts';
import { create, creationOptions, waitLimit, waitOptions } from '../creation.ts';
import { exitCodes } from '../failure.ts';
import { followToEnd } from '../follow.ts';
import { gather } from '../gather.ts';
import { onlyProvider, providerNamed, quoted, snapshotManifest } from '../manifests.ts';
import { tell, tellWrapped } from '../output.ts';

/** What becomes part of the manifest. */
const manifestOptions = {
  provider: {
    value: 'NAME',
    suggests: 'providers',
    help: 'NAME or vmp/NAME of this namespace, or cvmp/NAME. Unset: the only one that there is.',
  },
  name: { value: 'NAME', help: 'Name of the VMSnapshot. Unset: that of the VM, and the time.' },
  'resource-group': { value: 'NAME', help: "Resource group of the VM (Azure). Unset: the provider's." },
  consistency: {
    value: 'LEVEL',
    words: ['Application', 'FileSystem', 'Crash'],
    help: "How consistent it is to be. Unset: the vendor's default.",
  },
  require: { help: 'A snapshot that falls short of --consistency is removed, and fails.' },
  memory: {
    value: 'WHETHER',
    words: ['Include', 'Exclude'],
    bare: 'Include',
    help: 'Whether the memory of the VM is part of it (oVirt).',
  },
  description: { value: 'TEXT', help: 'Description at the vendor, where it has one (oVirt, SPF).' },
  ttl: { value: 'TIME', help: 'It deletes itself so long after completion, such as 720h. Unset: it stays.' },
  'deletion-policy': {
    value: 'POLICY',
    words: ['Delete', 'Retain'],
    help: 'Whether the snapshot at the vendor goes with the object. Unset: Delete.',
  },
} as const;

const options = {
  ...manifestOptions,
  ...creationOptions,
  ...waitOptions,
  ...namespaceOption,
  ...connectionOptions,
} as const;

export const snapshot = command({
  name: 'snapshot',
  arguments: 'VM',
  argumentCount: [1, 1],
  summary: 'Takes a snapshot of a VM',
  description: [
    'Makes a VMSnapshot, which the operator then carries out. VM is the name of a VM at the vendor, or its id there. Whatever is said here can be a manifest in Git as well: --dry-run=client -o yaml prints it.',
    'With --wait the exit code says what came of it: 0 it is ready; 1 it failed, and the reason, the message and what to do are printed; 3 it was not at its end within --timeout.',
  ],
  examples: [
    { text: 'A snapshot, followed to its end.', command: 'snapshot erp-1 --wait' },
    {
      text: 'Before a change, consistent for applications or not at all, kept for a week.',
      command: 'snapshot erp-1 --consistency Application --require --ttl 168h',
    },
    { text: 'The manifest, for Git.', command: 'snapshot erp-1 --dry-run=client -o yaml > erp-1.yaml' },
    { text: 'What the API server would say of it.', command: 'snapshot erp-1 --dry-run=server -o yaml' },
  ],
  options,
  suggests: 'vms',
  run,
});

async function run(call: Call<typeof options>): Promise<number> {
  const { values, args } = call;
  const [vm = ''] = args;
  const timeoutMs = waitLimit(call);
  await using cluster = await connect(values, call.version);
  const provider =
    values.provider === undefined ? await theProvider(cluster) : providerNamed(values.provider);
  const manifest = snapshotManifest(
    {
      vm,
      provider,
      namespace: cluster.namespace,
      resourceGroup: values['resource-group'],
      name: values.name,
      consistency: values.consistency as 'Application' | undefined,
      require: values.require,
      memory: values.memory as 'Include' | undefined,
      description: values.description,
      ttl: values.ttl,
      deletionPolicy: values['deletion-policy'] as 'Delete' | undefined,
    },
    Date.now(),
  );
  const { name, namespace } = manifest.metadata;
  const isMade = await create(call, cluster.client, resourceTypes.VMSnapshot, manifest);
  if (!isMade) return exitCodes.done;
  if (values.output === undefined) {
    const path = `${kinds.VMSnapshot.shortName}/${name}`;
    if (!values.wait) tell(call, `Follow it:   kubectl keyframe status ${path} -n ${namespace} -w`);
    tell(call, `For Git:     ${asManifest(vm, call, name, namespace, provider)}`);
    tellWrapped(
      call,
      'Applied under this name, the manifest takes over this very snapshot, and makes no other.',
    );
  }
  if (!values.wait) return exitCodes.done;
  return await followToEnd(
    call,
    cluster.client,
    resourceTypes.VMSnapshot,
    { namespace, name },
    timeoutMs,
    values.output !== undefined,
  );
}

/** The provider that is meant where none is named. */
async function theProvider({ client, namespace }: Cluster): Promise<ProviderRef> {
  const { objects } = await gather(client, namespace, ['VMProvider', 'ClusterVMProvider']);
  return onlyProvider(
    objects.filter(({ kind }) => kind === 'VMProvider') as VMProvider[],
    objects.filter(({ kind }) => kind === 'ClusterVMProvider') as ClusterVMProvider[],
    namespace,
  );
}

/** The command that prints the manifest of what was made. */
function asManifest(
  vm: string,
  { values }: Call<typeof options>,
  name: string,
  namespace: string,
  provider: ProviderRef,
): string {
  const said = Object.keys(manifestOptions).flatMap((option) => {
    const value = values[option as keyof typeof manifestOptions];
    if (option === 'name' || option === 'provider' || value === undefined || value === false) return [];
    return [value === true ? `--${option}` : `--${option}=${quoted(value)}`];
  });
  const via = provider.kind === 'ClusterVMProvider' ? `cvmp/${provider.name}` : provider.name;
  return [
    `kubectl keyframe snapshot ${quoted(vm)} -n ${namespace} --name=${name} --provider=${via}`,
    ...said,
    '--dry-run=client -o yaml',
  ].join(' ');
}
