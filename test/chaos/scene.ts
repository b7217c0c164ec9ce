import { fileURLToPath } from 'node:url';
import { annotations } from '../../src/api/names.ts';
import { waitFor } from '../controlplane/wait.ts';
import type { AzureFaultRule } from '../simulators/azure/faults.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { type AnyObject, ready, type Stage } from '../support/stage.ts';
import { createdFor } from './account.ts';
import { type StopAt, stopVariable } from './stop-at.ts';

const stoppableOperator = fileURLToPath(new URL('stoppable-operator.ts', import.meta.url));

type Kind = 'VMSnapshot' | 'RestorePointCopy';

let scenes = 0;

/**
 * A namespace with some VMs and a provider, and operators that serve this namespace alone: so that many scenes can
 * play on one stage at once.
 */
export class Scene implements AsyncDisposable {
  readonly #stage: Stage;
  readonly namespace: string;
  readonly #vms: string[];
  readonly #operators: OperatorProcess[] = [];

  private constructor(stage: Stage, namespace: string, vms: string[]) {
    this.#stage = stage;
    this.namespace = namespace;
    this.#vms = vms;
  }

  static async set(stage: Stage, vmCount = 2): Promise<Scene> {
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
    return new Scene(stage, namespace, vms);
  }

  /** Makes a snapshot of each VM, and a copy of the first; gives them in this order. */
  async makeObjects(): Promise<AnyObject[]> {
    const snapshots = await Promise.all(this.#vms.map((_, index) => this.makeSnapshot(index)));
    return [...snapshots, await this.makeCopy(0)];
  }

  /** Makes a snapshot of the nth VM. */
  async makeSnapshot(index: number): Promise<AnyObject> {
    return this.#stage.make('VMSnapshot', this.namespace, `snapshot-${index}`, {
      providerRef: { name: 'azure' },
      source: { vm: { name: this.#vms[index] } },
    });
  }

  /** Makes a copy of the snapshot of the nth VM. */
  async makeCopy(index: number): Promise<AnyObject> {
    return this.#stage.make('RestorePointCopy', this.namespace, `copy-${index}`, {
      source: { snapshotRef: { name: `snapshot-${index}` } },
      target: { location: 'northeurope' },
    });
  }

  /** Deletes them all. */
  async removeObjects(): Promise<void> {
    for (const object of await this.objects()) await this.remove(object);
  }

  /** Deletes one. */
  async remove({ kind, metadata }: AnyObject): Promise<void> {
    await this.#stage.remove(kind as Kind, this.namespace, metadata.name);
  }

  /** Snapshots and copies as they are now. */
  async objects(): Promise<AnyObject[]> {
    const { namespace } = this;
    return [
      ...(await this.#stage.list('VMSnapshot', namespace)),
      ...(await this.#stage.list('RestorePointCopy', namespace)),
    ];
  }

  /** Starts an operator for this namespace. */
  async operator(flags: string[] = []): Promise<OperatorProcess> {
    return this.#start(flags);
  }

  /** Starts an operator for this namespace that stops itself. */
  async stoppable(stopAt: StopAt, flags: string[] = []): Promise<OperatorProcess> {
    return this.#start(flags, { [stopVariable]: JSON.stringify(stopAt) }, stoppableOperator);
  }

  async #start(...[flags, env, program]: Parameters<Stage['operator']>): Promise<OperatorProcess> {
    const operator = await this.#stage.operator(
      [`--namespaces=${this.namespace}`, ...(flags ?? [])],
      env,
      program,
    );
    this.#operators.push(operator);
    return operator;
  }

  /** Lets a fault hit the first request that is to make something for an object. */
  faultOnCreateFor({ metadata }: AnyObject, fault: AzureFaultRule): void {
    this.#stage.azure.faults.add({
      ...fault,
      operation: 'RestorePoints_Create',
      path: metadata.uid ?? '',
      times: 1,
    });
  }

  /** Waits until Azure was asked to make something for an object, or has made it. */
  async untilCreate({ metadata }: AnyObject, what: 'asked' | 'made'): Promise<void> {
    const { uid = '', name } = metadata;
    const { azure } = this.#stage;
    await waitFor(
      `the restore point of ${name} to be ${what}`,
      async () => {
        const asked = azure.requests.some(
          ({ operation, url }) => operation === 'RestorePoints_Create' && url.includes(uid),
        );
        return (what === 'made' ? createdFor(this.#stage, uid) > 0 : asked) || undefined;
      },
      { interval: 5 },
    );
  }

  /** Waits until every snapshot is Available and every copy Replicated, and what was deleted is gone; gives them. */
  async allReady(deadlineMs = 45_000): Promise<AnyObject[]> {
    return this.#until(
      'every object to be ready, or gone where it was deleted',
      (objects) =>
        objects.every(
          (object) => object.metadata.deletionTimestamp === undefined && ready(object)?.status === 'True',
        ),
      deadlineMs,
    );
  }

  /** Waits until every object is gone, the collections that were made for them too. */
  async allGone(deadlineMs = 45_000): Promise<void> {
    await this.#until(
      'every object to be gone',
      (objects) => objects.length === 0,
      deadlineMs,
      async () => [
        ...(await this.objects()),
        ...(await this.#stage.list('RestorePointCollection', this.namespace)),
      ],
    );
  }

  async #until(
    what: string,
    holds: (objects: AnyObject[]) => boolean,
    deadlineMs: number,
    read = () => this.objects(),
  ): Promise<AnyObject[]> {
    let last: AnyObject[] = [];
    try {
      return await waitFor(
        what,
        async () => {
          last = await read();
          return holds(last) ? last : undefined;
        },
        { deadline: deadlineMs, interval: 150 },
      );
    } catch (error) {
      throw new Error(`${String(error)}\n${this.#account(last)}`);
    }
  }

  /** How things stand, for error messages: objects, Azure, operators. */
  #account(objects: AnyObject[]): string {
    const { azure } = this.#stage;
    const said = objects.map(({ kind, metadata, status }) => {
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
    const logs = this.#operators.map((operator, index) => `operator ${index}:\n${operator.tail(30)}`);
    return [...said, ...logs].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#operators.map((operator) => operator[Symbol.asyncDispose]()));
  }
}
