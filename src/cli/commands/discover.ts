import { randomUUID } from 'node:crypto';
import { annotations } from '../../api/names.ts';
import type { ClusterVMProvider, VMProvider } from '../../api/v1alpha1/vm-provider.ts';
import type {
  VMSnapshotInventory,
  VMSnapshotInventorySpec,
} from '../../api/v1alpha1/vm-snapshot-inventory.ts';
import { resourceTypes } from '../../controllers/resources.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import type { KubeObject } from '../../runtime/kube/types.ts';
import { type Cluster, connect } from '../cluster.ts';
import { type Call, command, connectionOptions, namespaceOption } from '../command.ts';
import { adoptions, adoptionText, adviceOn, discoveryLines, isAnswered } from '../discoveries.ts';
import { exitCodes, Failure, UsageError } from '../failure.ts';
import { pause } from '../follow.ts';
import { gather } from '../gather.ts';
import { checkDuration, isID, nameFor, onlyProvider, providerNamed, quoted } from '../manifests.ts';
import { isStalled, readyOf } from '../objects.ts';
import { lookOf, say, structured, tell, tellWrapped } from '../output.ts';
import { apart } from '../tree-view.ts';

const options = {
  vm: { value: 'VM', help: 'Ask the vendor for the snapshots of this VM, by name or id (oVirt, SPF).' },
  collection: { value: 'ID', help: 'Ask for the restore points of this collection (Azure).' },
  'storage-domain': { value: 'ID', help: 'Ask for what lies on this storage domain (oVirt).' },
  provider: {
    value: 'NAME',
    suggests: 'providers',
    help: 'With these: NAME or vmp/NAME of this namespace, or cvmp/NAME. Unset: the only one that there is.',
  },
  keep: { help: 'Keep the VMSnapshotInventory that was made to ask.' },
  refresh: { help: 'Have the vendor asked anew for the inventories that are there.' },
  all: { help: 'Show also what objects of this cluster manage.' },
  'other-clusters': {
    help: 'Make manifests also for what other clusters made: leave that to them, unless they are lost.',
  },
  timeout: { value: 'TIME', help: 'How long to wait for the vendor. Unset: 2m.' },
  output: {
    value: 'FORMAT',
    short: 'o',
    words: ['wide', 'yaml', 'json'],
    help: 'yaml and json print manifests that adopt what nobody manages; wide adds ids.',
  },
  ...namespaceOption,
  'all-namespaces': { short: 'A', help: 'The inventories of all namespaces.' },
  ...connectionOptions,
} as const;

export const discover = command({
  name: 'discover',
  arguments: '[INVENTORY]',
  argumentCount: [0, 1],
  summary: 'Shows what the vendor has and nobody manages, and how to adopt it',
  description: [
    'Shows what the VMSnapshotInventories of the namespace found that no object of this cluster manages: orphans, of which this cluster lost the object; what another cluster made; and what was made by other means. With --vm, --collection or --storage-domain the vendor is asked now, by an inventory that is made for it and removed after.',
    'With -o yaml it prints a VMSnapshot for each that adopts it as it is. These retain what they stand for: deleting the object removes nothing at the vendor.',
  ],
  examples: [
    { text: 'What the inventories of the namespace found.', command: 'discover' },
    { text: 'Ask the vendor now.', command: 'discover --vm erp-1 --provider ovirt' },
    {
      text: 'Adopt all of it that nobody manages.',
      command: 'discover web-1-points -o yaml | kubectl apply -f -',
    },
  ],
  options,
  run,
});

/** How long the vendor has for its answer, and how often it is looked for. */
const [answerMs, lookEveryMs] = [120_000, 500];

async function run(call: Call<typeof options>): Promise<number> {
  const { values, args } = call;
  const scope = scopeOf(call);
  if (scope !== undefined && (args.length > 0 || values.refresh || values['all-namespaces']))
    throw new UsageError('--vm, --collection and --storage-domain go without INVENTORY, --refresh and -A');
  const timeoutMs = values.timeout === undefined ? answerMs : checkDuration('timeout', values.timeout);
  await using cluster = await connect(values, call.version);
  const inventories =
    scope === undefined
      ? await existing(call, cluster, timeoutMs)
      : [await askNow(call, cluster, scope, timeoutMs)];
  const wanted = { managed: values.all, otherClusters: values['other-clusters'] };
  if (values.output === 'yaml' || values.output === 'json') {
    const all = adoptions(inventories, wanted);
    if (all.length === 0) tell(call, 'There is nothing that could be adopted.');
    else if (values.output === 'yaml') call.stdout.write(adoptionText(all));
    else
      call.stdout.write(
        structured({ apiVersion: 'v1', kind: 'List', items: all.map(({ manifest }) => manifest) }, 'json'),
      );
    return exitCodes.done;
  }
  if (inventories.length === 0) {
    tell(
      call,
      `No VMSnapshotInventories in ${values['all-namespaces'] ? 'the cluster' : `namespace ${cluster.namespace}`}.`,
    );
    tell(
      call,
      'Ask the vendor by --vm, --collection or --storage-domain; docs/operations.md says how to keep one.',
    );
    return exitCodes.done;
  }
  say(
    call,
    discoveryLines(inventories, wanted, {
      ...lookOf(call.stdout, call.env),
      now: Date.now(),
      wide: values.output === 'wide',
      namespaces: values['all-namespaces'],
    }),
  );
  const advice = adviceOn(inventories, wanted, sameAgain(call));
  if (advice !== undefined) tellWrapped(call, advice);
  return exitCodes.done;
}

/** The command that shows the same. */
function sameAgain({ values, args }: Call<typeof options>): string {
  const said = (['vm', 'collection', 'storage-domain', 'provider', 'namespace'] as const).flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name} ${quoted(value)}`];
  });
  const all = values['all-namespaces'] ? ['-A'] : [];
  return ['kubectl keyframe discover', ...args.map(quoted), ...said, ...all].join(' ');
}

function scopeOf({ values }: Call<typeof options>): VMSnapshotInventorySpec['scope'] | undefined {
  const { vm, collection, 'storage-domain': storageDomain } = values;
  const given = [vm, collection, storageDomain].filter((each) => each !== undefined);
  if (given.length > 1) throw new UsageError('set one of --vm, --collection, --storage-domain');
  if (given.length === 0) {
    if (values.provider !== undefined || values.keep)
      throw new UsageError('--provider and --keep go with --vm, --collection or --storage-domain');
    return undefined;
  }
  if (vm !== undefined) return { vm: isID(vm) ? { id: vm } : { name: vm } };
  return collection !== undefined ? { collection } : { storageDomain: storageDomain as string };
}

/** The inventories that are there, looked at anew where that is asked for. */
async function existing(
  { args, values, interrupted }: Call<typeof options>,
  { client, namespace }: Cluster,
  timeoutMs: number,
): Promise<VMSnapshotInventory[]> {
  const resource = resourceTypes.VMSnapshotInventory;
  const [name] = args.map((arg) => arg.replace(/^.*\//, ''));
  const list = async () => {
    if (name !== undefined)
      return [await client.get<VMSnapshotInventory & KubeObject>(resource, { namespace, name })];
    const { items } = await client.listAll<VMSnapshotInventory & KubeObject>(resource, {
      namespace: values['all-namespaces'] ? undefined : namespace,
    });
    return items;
  };
  const there = (await list()).map((item) => ({ ...item, kind: resource.kind }));
  if (!values.refresh) return there;
  return Promise.all(
    there.map(async ({ metadata }) => {
      const token = randomUUID();
      const ref = { namespace: metadata.namespace, name: metadata.name };
      await client.mergePatch(resource, ref, {
        metadata: { annotations: { [annotations.reconcileAt]: token } },
      });
      return await until(
        client,
        ref,
        ({ status }) => status?.lastHandledReconcileAt === token,
        timeoutMs,
        interrupted,
      );
    }),
  );
}

/** Makes an inventory, waits for its answer, and removes it unless it is to be kept. */
async function askNow(
  call: Call<typeof options>,
  { client, namespace }: Cluster,
  scope: VMSnapshotInventorySpec['scope'],
  timeoutMs: number,
): Promise<VMSnapshotInventory> {
  const { values, interrupted } = call;
  const resource = resourceTypes.VMSnapshotInventory;
  const { objects } =
    values.provider === undefined
      ? await gather(client, namespace, ['VMProvider', 'ClusterVMProvider'])
      : { objects: [] };
  const providerRef =
    values.provider === undefined
      ? onlyProvider(
          objects.filter(({ kind }) => kind === 'VMProvider') as VMProvider[],
          objects.filter(({ kind }) => kind === 'ClusterVMProvider') as ClusterVMProvider[],
          namespace,
        )
      : providerNamed(values.provider);
  const about = values.vm ?? values.collection ?? values['storage-domain'] ?? '';
  const ref = { namespace, name: nameFor(`discover-${about.split('/').at(-1)}`, Date.now()) };
  await client.create(
    resource,
    { metadata: ref, spec: { providerRef, scope, limit: 500 } },
    { fieldValidation: 'Strict' },
  );
  try {
    const answered = await until(client, ref, isAnswered, timeoutMs, interrupted);
    if (isStalled(answered)) {
      const { reason = '', message = '' } = readyOf(answered) ?? {};
      const { said, advice } = apart(reason, message);
      throw new Failure(`${reason}: ${said}`, advice);
    }
    return answered;
  } finally {
    if (values.keep) tell(call, `vmsnapshotinventory.keyframe.dev/${ref.name} is kept.`);
    else await client.delete(resource, ref);
  }
}

/** Waits until something is true of an inventory. */
async function until(
  client: KubeClient,
  ref: { namespace?: string | undefined; name: string },
  holds: (inventory: VMSnapshotInventory) => boolean,
  timeoutMs: number,
  interrupted: AbortSignal,
): Promise<VMSnapshotInventory> {
  const begun = performance.now();
  for (;;) {
    const inventory = await client.get<VMSnapshotInventory & KubeObject>(
      resourceTypes.VMSnapshotInventory,
      ref,
    );
    if (holds(inventory)) return inventory;
    if (interrupted.aborted || performance.now() - begun >= timeoutMs) {
      const ready = readyOf(inventory);
      throw new Failure(
        `the vendor's answer did not come in time: ${ready === undefined ? 'no operator looked at the inventory' : `${ready.reason}: ${ready.message}`}`,
        'kubectl keyframe doctor looks at the operator and the provider; --timeout waits longer.',
      );
    }
    await pause(lookEveryMs, interrupted);
  }
}
