import { condition } from '../../../api/conditions.ts';
import { annotations } from '../../../api/names.ts';
import type { VMRestore } from '../../../api/v1alpha1/vm-restore.ts';
import type { AnyProvider } from '../../../providers/any-provider.ts';
import type { Reconcile } from '../../../runtime/controller.ts';
import type { KubeClient } from '../../../runtime/kube/client.ts';
import { resourceTypes } from '../../resources.ts';
import { hours, minutes, now } from '../../testing/builders.ts';
import { type Mishaps, noMishaps, type Process, Simulation } from '../../testing/life/simulation.ts';
import { RestoreController } from '../controller.ts';
import { aRestore, aRestoreToNewVM, restoreNeighbours } from './builders.ts';
import { ModelVM, type RestoreFaults, type SentWrite, type Situation } from './model-vm.ts';

/** What happens to one restore in one simulated life. Probabilities from 0 to 1. */
export interface Life extends Mishaps, RestoreFaults, Situation {
  /** A new VM is made, rather than the old one put back. */
  newVM: boolean;
  preview: 'Hold' | 'Commit' | 'Undo' | undefined;
  /** When it is decided on a preview that holds, milliseconds, and how; someone may look around before. */
  decideAt: number | undefined;
  decision: 'Commit' | 'Undo';
  lookAround: boolean;
  leaveOff: boolean;
  memory: boolean;
  /** Milliseconds after which the object is replaced by a tool. */
  replaceAt: number | undefined;
}

export const noFaults: Omit<Life, 'seed'> = {
  ...noMishaps,
  vendor: 'ovirt',
  wasOn: true,
  mayStop: true,
  newer: 'none',
  newVM: false,
  preview: undefined,
  decideAt: undefined,
  decision: 'Commit',
  lookAround: false,
  leaveOff: false,
  memory: false,
  halfWay: 0,
  deaf: 0,
  forget: 0,
  others: 0,
  replaceAt: undefined,
};

/** What is left at the end of a life. */
export interface Ending {
  /** undefined when the object is gone. */
  object: VMRestore | undefined;
  vm: ModelVM;
  /** Broken rules, in words. */
  wrongs: string[];
  sent: SentWrite[];
  kubernetesWrites: number;
  history: string[];
}

const faultNames: readonly (keyof RestoreFaults)[] = [
  'refuse',
  'loseAnswer',
  'fail',
  'halfWay',
  'deaf',
  'forget',
  'others',
  'loseRead',
  'slow',
];

/** Plays one life to its end. The same `life` gives the same ending. */
export async function play(life: Life): Promise<Ending> {
  return new RestoreSimulation(life).play();
}

class RestoreSimulation extends Simulation<VMRestore> {
  readonly #life: Life;
  readonly #vm: ModelVM;

  constructor(life: Life) {
    super(life, {
      resource: resourceTypes.VMRestore,
      name: 'restore-1',
      provider: 'VMProvider/team-a/engine',
    });
    this.#life = life;
    const faults = this.faultsOf<RestoreFaults>(life, faultNames);
    this.#vm = new ModelVM(this.clock, this.chance, faults, life);
    this.#vm.onSend = (kind, call) => this.#judgeSend(kind, call.correlationID ?? '');
    this.#vm.onEffect = (what) => this.note(`at the vendor: ${what}`);
  }

  async play(): Promise<Ending> {
    await this.live(this.#object(), { stormMs: 2 * hours, calmMs: 5 * hours, rivalWithinMs: 10 * minutes });
    return {
      object: await this.stored(),
      vm: this.#vm,
      wrongs: [...this.wrongs, ...this.#vm.wrongs],
      sent: this.#vm.sent,
      kubernetesWrites: this.kube.writes.length - 1,
      history: this.history,
    };
  }

  protected override happenings(): void {
    const { replaceAt, decideAt } = this.#life;
    if (replaceAt !== undefined) this.clock.setTimer(replaceAt, () => void this.#toolReplaces());
    if (decideAt !== undefined) this.clock.setTimer(decideAt, () => void this.#userDecides());
  }

  #object(): VMRestore {
    const { newVM, preview, newer, mayStop, leaveOff, memory, vendor } = this.#life;
    const metadata = { creationTimestamp: new Date(now).toISOString(), annotations: {} };
    if (newVM) return aRestoreToNewVM({ metadata, spec: { deadline: '40m' } });
    return aRestore({
      metadata,
      spec: {
        deadline: '40m',
        ...(preview === undefined ? {} : { preview: { action: preview } }),
        ...(newer === 'accepted' ? { acceptDataLoss: ['NewerSnapshots'] } : {}),
        ...(mayStop ? { power: 'StopAndStart' } : {}),
        ...(leaveOff ? { onFailure: 'LeaveOff' } : {}),
        ...(memory && vendor === 'ovirt' ? { memory: 'Include' } : {}),
      },
    });
  }

  protected override reconcilerOf(process: Process<VMRestore>, client: KubeClient): Reconcile {
    const controller = new RestoreController({
      ...this.partsOf(process, client, { bounded: true }),
      neighbours: () => restoreNeighbours,
    });
    return (key, context) => controller.reconcile(key, context);
  }

  protected override providerOf(process: Process<VMRestore>): AnyProvider {
    const operator = this.#vm.operator(process.gate);
    return {
      ...operator,
      restoreSnapshot: (...[target, call]: Parameters<typeof operator.restoreSnapshot>) =>
        operator.restoreSnapshot(target, this.timed(process, call)),
      createVM: (...[target, call]: Parameters<typeof operator.createVM>) =>
        operator.createVM(target, this.timed(process, call)),
    };
  }

  /** Nothing leaves without its claim, and nothing when all is over. */
  async #judgeSend(kind: string, correlationID: string): Promise<void> {
    this.note(`sends ${kind}`);
    const object = await this.stored();
    if (object === undefined) return void this.wrongs.push(`${kind} was sent for an object that is gone`);
    const step = object.status?.steps?.find(({ name }) => name === kind);
    if (step?.state !== 'Requested') this.wrongs.push(`${kind} was sent, but its step is ${step?.state}`);
    if (object.status?.completionTime !== undefined) this.wrongs.push(`${kind} was sent after the end`);
    const intent = object.metadata.annotations?.[annotations.intent];
    if (this.#life.replaceAt === undefined && !intent?.includes(correlationID))
      this.wrongs.push(`${kind} was sent without its intent`);
    if (kind !== 'CreateVM' && object.status?.powerStateBefore !== (this.#life.wasOn ? 'On' : 'Off'))
      this.wrongs.push(`${kind} was sent, and powerStateBefore is ${object.status?.powerStateBefore}`);
  }

  protected override judge(
    _object: VMRestore,
    status: NonNullable<VMRestore['status']>,
    before: VMRestore['status'],
  ): void {
    const steps = (status.steps ?? []).map(({ name, state }) => `${name} ${state}`).join(', ');
    this.note(`status: ${reasonOf(status)}; ${steps}; attempts ${status.operation?.attempts ?? '-'}`);
    if (before?.completionTime !== undefined && reasonOf(before) !== reasonOf(status))
      this.wrongs.push(`what had ended (${reasonOf(before)}) went on (${reasonOf(status)})`);
    if (before?.powerStateBefore !== undefined && before.powerStateBefore !== status.powerStateBefore)
      this.wrongs.push('powerStateBefore changed');
  }

  /** Takes away what a tool takes that knows only its own manifest. */
  async #toolReplaces(): Promise<void> {
    const object = await this.stored();
    // Without its finalizer an object that is going is gone: nobody could go on with it.
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
    this.note('a tool replaces it');
    await this.patch({ metadata: { finalizers: [], annotations: { [annotations.intent]: null } } });
  }

  async #userDecides(): Promise<void> {
    const object = await this.stored();
    if (object?.spec.preview?.action !== 'Hold') return;
    this.note(`the user decides: ${this.#life.decision}`);
    if (this.#life.lookAround && this.#vm.previewOf !== undefined) {
      this.#vm.startByHand();
      if (!this.#life.mayStop) this.clock.setTimer(20 * minutes, () => this.#vm.stopByHand());
    }
    await this.patch({ spec: { preview: { action: this.#life.decision } } });
  }
}

function reasonOf(status: VMRestore['status']): string {
  return condition(status?.conditions, 'Ready')?.reason ?? '';
}
