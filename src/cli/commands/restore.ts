import { createInterface } from 'node:readline/promises';
import type { VMProvider } from '../../api/v1alpha1/vm-provider.ts';
import type { VMRestoreSpec } from '../../api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import { resourceTypes } from '../../controllers/resources.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { isForbidden, isNotFound } from '../../runtime/kube/errors.ts';
import type { KubeObject } from '../../runtime/kube/types.ts';
import { connect } from '../cluster.ts';
import { type Call, command, connectionOptions, namespaceOption, type Surroundings } from '../command.ts';
import { create, creationOptions, waitLimit, waitOptions } from '../creation.ts';
import { exitCodes, Failure, UsageError } from '../failure.ts';
import { followToEnd } from '../follow.ts';
import { gather } from '../gather.ts';
import { checkDuration } from '../manifests.ts';
import { isOf } from '../objects.ts';
import { tell, tellWrapped } from '../output.ts';
import { planRestore, type RestorePlan, type Surrounding } from '../restores.ts';
import { harmless } from '../text.ts';
import { parsePath } from '../tree.ts';

const options = {
  'in-place': { help: 'Put the VM back. What it wrote since the snapshot is lost.' },
  'new-vm': { value: 'NAME', help: 'Make a new VM of this name from the snapshot (oVirt).' },
  power: {
    value: 'HOW',
    words: ['RequireOff', 'StopAndStart'],
    help: 'Whether a VM that is on is shut down for it, and started after it. Unset: it must be off.',
  },
  'shutdown-timeout': {
    value: 'TIME',
    help: 'With --power StopAndStart: how long the guest has to shut down before it is powered off. Unset: 5m.',
  },
  'on-failure': {
    value: 'HOW',
    words: ['RestorePower', 'LeaveOff'],
    help: 'With --power StopAndStart: whether it is started again when the restore failed. Unset: it is.',
  },
  memory: {
    value: 'WHETHER',
    words: ['Include', 'Exclude'],
    bare: 'Include',
    help: 'Whether the memory in the snapshot is put back (oVirt).',
  },
  disks: { value: 'A,B', help: 'Put back only these disks, by name or id (oVirt).' },
  'accept-data-loss': { help: 'Newer snapshots may be lost: oVirt removes them.' },
  preview: { help: 'Show it first, and decide later: spec.preview.action Commit or Undo (oVirt).' },
  cluster: { value: 'NAME', help: 'Cluster of the new VM (oVirt). Unset: that of the old one.' },
  'start-within': {
    value: 'TIME',
    help: 'It has to begin within this time, or never begins. Unset: 15m in place, 24h for a new VM.',
  },
  name: { value: 'NAME', help: 'Name of the VMRestore. Unset: that of the VM, and the time.' },
  yes: { short: 'y', help: 'Ask nothing.' },
  ...creationOptions,
  ...waitOptions,
  ...namespaceOption,
  ...connectionOptions,
} as const;

export const restore = command({
  name: 'restore',
  arguments: 'SNAPSHOT',
  argumentCount: [1, 1],
  summary: 'Puts a VM back to a snapshot, or makes a new VM from it',
  description: [
    'Makes a VMRestore, which the operator carries out once. SNAPSHOT is the name of a VMSnapshot. First it is told what happens and what would be lost; in place, the name of the VM is then asked for, unless --yes is given.',
    'A VMRestore in place bears the id of the VM (target.vmID) and the time until which it has to begin (startBefore): left in Git, or applied to a rebuilt cluster, it does nothing later. It is better not kept in Git at all.',
  ],
  examples: [
    {
      text: 'Put a VM back, which is shut down for it.',
      command: 'restore erp-1-nightly --in-place --power StopAndStart --wait',
    },
    { text: 'See only what it would do.', command: 'restore erp-1-nightly --in-place --dry-run=server' },
    { text: 'A new VM beside the old one.', command: 'restore erp-1-nightly --new-vm erp-1-copy --wait' },
  ],
  options,
  suggests: 'snapshots',
  run,
});

async function run(call: Call<typeof options>): Promise<number> {
  const { values, args } = call;
  const timeoutMs = waitLimit(call);
  if (values['shutdown-timeout'] !== undefined) checkDuration('shutdown-timeout', values['shutdown-timeout']);
  const { kind, name } = parsePath(args[0] ?? '');
  if (kind !== undefined && kind !== 'VMSnapshot')
    throw new UsageError(`SNAPSHOT is the name of a VMSnapshot, not ${args[0]}`);
  await using cluster = await connect(values, call.version);
  const around = await surroundingOf(cluster.client, cluster.namespace, name);
  const plan = planRestore(
    {
      name: values.name,
      inPlace: values['in-place'],
      newVM: values['new-vm'],
      cluster: values.cluster,
      startWithin:
        values['start-within'] === undefined
          ? undefined
          : checkDuration('start-within', values['start-within']),
      power: values.power as VMRestoreSpec['power'],
      shutdownTimeout: values['shutdown-timeout'],
      onFailure: values['on-failure'] as VMRestoreSpec['onFailure'],
      memory: values.memory as VMRestoreSpec['memory'],
      disks: values.disks?.split(',').filter((disk) => disk !== ''),
      acceptDataLoss: values['accept-data-loss'],
      preview: values.preview,
    },
    around,
    Date.now(),
  );
  for (const sentence of plan.words)
    tellWrapped(call, sentence, sentence.startsWith('LOST ') ? 'red' : undefined);
  if (values['dry-run'] === undefined && !values.yes && !(await isConfirmed(plan, call)))
    throw new Failure('that is not its name: nothing was done');
  if (!(await create(call, cluster.client, resourceTypes.VMRestore, plan.manifest))) return exitCodes.done;
  const { name: made, namespace } = plan.manifest.metadata;
  if (!values.wait) {
    if (values.output === undefined)
      tell(call, `Follow it: kubectl keyframe status vmrst/${made} -n ${namespace} -w`);
    return exitCodes.done;
  }
  const ref = { namespace, name: made };
  return await followToEnd(
    call,
    cluster.client,
    resourceTypes.VMRestore,
    ref,
    timeoutMs,
    values.output !== undefined,
  );
}

/** Asks for the name of the VM. */
async function isConfirmed(
  { confirm }: RestorePlan,
  { stdin, stderr, interrupted }: Surroundings,
): Promise<boolean> {
  if (confirm === undefined) return true;
  if (!stdin.isTTY || !stderr.isTTY)
    throw new Failure(
      'a restore in place asks before it takes anything away, and there is no terminal to ask on',
      'Read what it would do (--dry-run=client), and give --yes.',
    );
  const line = createInterface({ input: stdin, output: stderr });
  try {
    const answer = await line.question(`Type the name of the VM to go on (${harmless(confirm)}): `, {
      signal: interrupted,
    });
    return answer.trim() === confirm;
  } finally {
    line.close();
  }
}

/** Reads what the plan goes by. What may not be read beside the snapshot is not known, and told so. */
async function surroundingOf(client: KubeClient, namespace: string, name: string): Promise<Surrounding> {
  const snapshot = await snapshotNamed(client, namespace, name);
  const { objects } = await gather(client, namespace, ['VMSnapshot', 'VMRestore', 'VMSnapshotInventory']);
  const { kind = 'VMProvider', name: providerName } = snapshot.spec.providerRef;
  let vendor: Surrounding['vendor'];
  try {
    const { spec } = await client.get<VMProvider & KubeObject>(resourceTypes[kind], {
      name: providerName,
      ...(kind === 'VMProvider' ? { namespace } : {}),
    });
    vendor = (['azure', 'ovirt', 'spf'] as const).find((each) => each in spec);
  } catch (error) {
    if (!isForbidden(error) && !isNotFound(error)) throw error;
  }
  return {
    snapshot,
    snapshots: objects.filter((object) => isOf(object, 'VMSnapshot')),
    restores: objects.filter((object) => isOf(object, 'VMRestore')),
    inventories: objects.filter((object) => isOf(object, 'VMSnapshotInventory')),
    vendor,
  };
}

async function snapshotNamed(client: KubeClient, namespace: string, name: string): Promise<VMSnapshot> {
  try {
    return await client.get<VMSnapshot & KubeObject>(resourceTypes.VMSnapshot, { namespace, name });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new Failure(
      `there is no VMSnapshot ${name} in namespace ${namespace}`,
      'kubectl keyframe status shows what there is; kubectl keyframe discover, what is at the vendor and has no object.',
    );
  }
}
