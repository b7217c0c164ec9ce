import { annotations } from '../../src/api/names.ts';
import { waitFor } from '../controlplane/wait.ts';
import type { AzureFaultRule } from '../simulators/azure/faults.ts';
import type { AnyObject, Stage } from '../support/stage.ts';
import { createdFor } from './account.ts';
import { areReady, Scene } from './scene.ts';

const kinds = ['VMSnapshot', 'RestorePointCopy'] as const;

let scenes = 0;

/** As `Scene`, on the stage's Azure: some VMs and a provider. */
export class AzureScene extends Scene {
  readonly #vms: string[];

  private constructor(stage: Stage, namespace: string, vms: string[]) {
    super(stage, namespace);
    this.#vms = vms;
  }

  static async set(stage: Stage, vmCount = 2): Promise<AzureScene> {
    scenes += 1;
    const namespace = await stage.cluster.createNamespace('chaos');
    const vms = Array.from({ length: vmCount }, (_, index) => `vm-${scenes}-${index}`);
    for (const name of vms)
      stage.azure.addVm({
        name,
        resourceGroup: 'rg-test',
        location: 'westeurope',
        dataDisks: [{ sizeGB: 64 }],
      });
    await stage.provider(namespace);
    return new AzureScene(stage, namespace, vms);
  }

  /** Makes a snapshot of each VM, and a copy of the first; gives them in this order. */
  async makeObjects(): Promise<AnyObject[]> {
    const snapshots = await Promise.all(this.#vms.map((_, index) => this.makeSnapshot(index)));
    return [...snapshots, await this.makeCopy(0)];
  }

  /** Makes a snapshot of the nth VM. */
  async makeSnapshot(index: number): Promise<AnyObject> {
    return this.make('VMSnapshot', `snapshot-${index}`, {
      providerRef: { name: 'azure' },
      source: { vm: { name: this.#vms[index] } },
    });
  }

  /** Makes a copy of the snapshot of the nth VM. */
  async makeCopy(index: number): Promise<AnyObject> {
    return this.make('RestorePointCopy', `copy-${index}`, {
      source: { snapshotRef: { name: `snapshot-${index}` } },
      target: { location: 'northeurope' },
    });
  }

  /** Deletes them all. */
  async removeObjects(): Promise<void> {
    await this.removeAll(await this.objects());
  }

  /** Snapshots and copies as they are now. */
  async objects(): Promise<AnyObject[]> {
    return this.list(kinds);
  }

  /** Lets a fault hit the first request that is to make something for an object. */
  faultOnCreateFor({ metadata }: AnyObject, fault: AzureFaultRule): void {
    this.stage.azure.faults.add({
      ...fault,
      operation: 'RestorePoints_Create',
      path: metadata.uid ?? '',
      times: 1,
    });
  }

  /** Waits until Azure was asked to make something for an object, or has made it. */
  async untilCreate({ metadata }: AnyObject, what: 'asked' | 'made'): Promise<void> {
    const { uid = '', name } = metadata;
    const { azure } = this.stage;
    await waitFor(
      `the restore point of ${name} to be ${what}`,
      async () => {
        const asked = azure.requests.some(
          ({ operation, url }) => operation === 'RestorePoints_Create' && url.includes(uid),
        );
        return (what === 'made' ? createdFor(this.stage, uid) > 0 : asked) || undefined;
      },
      { interval: 5 },
    );
  }

  /** Waits until every snapshot is Available and every copy Replicated, and what was deleted is gone; gives them. */
  async allReady(deadlineMs = 45_000): Promise<AnyObject[]> {
    return this.until('all ready, or gone where deleted', kinds, areReady, deadlineMs);
  }

  /** Waits until every object is gone, the collections that were made for them too. */
  async allGone(deadlineMs = 45_000): Promise<void> {
    const all = [...kinds, 'RestorePointCollection'] as const;
    await this.until('all gone', all, (objects) => objects.length === 0, deadlineMs);
  }

  protected override account(objects: AnyObject[]): string[] {
    const { azure } = this.stage;
    return objects.map(({ kind, metadata, status }) => {
      const { name, uid = '', deletionTimestamp } = metadata;
      const intent = metadata.annotations?.[annotations.intent];
      const asked = azure.requests
        .filter(({ url, method }) => url.includes(uid) && method !== 'GET')
        .map(({ time, method, status: answer, url }) => `  ${time} ${method} ${answer} ${url.split('?')[0]}`);
      const conditions = status?.conditions?.map(({ type, status, reason, message }) => ({
        type,
        status,
        reason,
        message,
      }));
      return [
        `${kind} ${name} ${uid}${deletionTimestamp === undefined ? '' : ' (being deleted)'}`,
        `  intent ${intent}`,
        `  status ${JSON.stringify({ ...status, conditions, disks: undefined })}`,
        ...asked,
      ].join('\n');
    });
  }
}
