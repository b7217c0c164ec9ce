import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts';
import { listProcesses, type Running, Supervisor } from '../controlplane/supervisor.ts';
import { waitFor } from '../controlplane/wait.ts';
import { control as controlAzure } from '../simulators/azure/control.ts';
import { control as controlOvirt } from '../simulators/ovirt/control.ts';
import { control as controlSpf } from '../simulators/spf/control.ts';
import { installOperator } from '../support/installation.ts';
import {
  type AzureAccount,
  azureOptions,
  checkpointVMs,
  engineOptions,
  engineVMs,
  namespace,
  type OvirtAccount,
  type SpfAccount,
  spfOptions,
  type Vendors,
  vms,
} from './scene.ts';

const operatorMain = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const simulatorMain = (name: string): string =>
  fileURLToPath(new URL(`../simulators/${name}/main.ts`, import.meta.url));

/** The vendors run fast here, so the operator looks often. */
const operatorFlags = [
  '--metrics-address=127.0.0.1:0',
  '--health-address=127.0.0.1:0',
  '--poll-interval=1s',
  '--progress-interval=1s',
  '--retry-interval=2s',
  '--log-format=text',
  // One that was killed leaves its Lease behind: the next need not wait as long for it as in a cluster.
  '--lease-duration=10s',
  '--renew-deadline=8s',
  '--retry-period=1s',
];

/** So often may operators be killed, by the reader or by the machine for want of memory. */
const mostRestarts = 10;
/** An end from outside. One that ends by an error of its own is not made up for. */
const endedFromOutside = /^(was ended by SIG(KILL|TERM|INT)|ended with exit code 0)$/;

/** A program that the demo cannot go on without has ended. */
export class ProgramEnded extends Error {
  readonly program: string;
  /** The last lines of its output. */
  readonly lastWords: string;

  /**
   * @param program its name
   * @param how such as "ended with exit code 1"
   */
  constructor(program: string, how: string, lastWords: string) {
    super(`the ${program} ${how}`);
    this.program = program;
    this.lastWords = lastWords;
  }
}

/**
 * What the demo runs on: a control plane, a simulated vendor of each sort and the operator, each in a process of its
 * own. They live under a supervisor, so that none outlives this process, whatever way it ends.
 */
export class Backstage {
  readonly cluster: ControlPlane;
  readonly vendors: Vendors;
  /** A kubeconfig of the administrator, with the demo's namespace as default. */
  readonly kubeconfig: string;
  readonly operatorLog: string;
  readonly #operatorKubeconfig: string;
  #restarts = 0;
  readonly #supervisor: Supervisor;
  readonly #programs: Map<string, Running>;

  private constructor(
    cluster: ControlPlane,
    vendors: Vendors,
    supervisor: Supervisor,
    programs: Map<string, Running>,
    operatorKubeconfig: string,
  ) {
    this.#operatorKubeconfig = operatorKubeconfig;
    this.cluster = cluster;
    this.vendors = vendors;
    this.kubeconfig = join(supervisor.folder, 'demo.kubeconfig');
    this.operatorLog = join(supervisor.folder, 'operator.log');
    this.#supervisor = supervisor;
    this.#programs = programs;
  }

  /** Starts everything. What was started ends again where the rest cannot be. */
  static async start(say: (line: string) => void): Promise<Backstage> {
    say('starting etcd and kube-apiserver');
    const cluster = await startControlPlane({ own: true });
    try {
      const supervisor = await Supervisor.begin();
      try {
        const programs = new Map<string, Running>();
        say('starting a simulated Azure, oVirt engine and SPF');
        const simulate = <T>(name: string, options: object) =>
          startSimulator<T>(supervisor, programs, name, options);
        const [azure, ovirt, spf] = await Promise.all([
          simulate<AzureAccount>('azure', azureOptions),
          simulate<OvirtAccount>('ovirt', engineOptions),
          simulate<SpfAccount>('spf', spfOptions),
        ]);
        for (const vm of vms) await controlAzure(azure.controlUrl, 'addVm', vm);
        for (const vm of engineVMs) await controlOvirt(ovirt.controlUrl, 'addVm', vm);
        for (const vm of checkpointVMs) await controlSpf(spf.controlUrl, 'addVm', vm);
        say('starting the operator, with the rights of its own ServiceAccount');
        const kubeconfig = await installOperator(cluster, supervisor.folder, { tokenSeconds: 86_400 });
        const backstage = new Backstage(cluster, { azure, ovirt, spf }, supervisor, programs, kubeconfig);
        backstage.#startOperator();
        const { adminToken: token } = cluster;
        await cluster.writeKubeconfig({ token, namespace, path: backstage.kubeconfig });
        return backstage;
      } catch (error) {
        await supervisor.close();
        throw error;
      }
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /**
   * Throws a ProgramEnded when a program has ended. But an operator that was killed is followed by another, up to
   * ten times: what it was at is to be carried on.
   *
   * @param hasWorked whether an operator has done something yet; before that none is followed by another
   * @returns a line to tell when another operator was started
   */
  async check(hasWorked: boolean): Promise<string | undefined> {
    for (const [name, { ended }] of this.#programs) {
      if (ended === undefined) continue;
      if (name === 'operator' && hasWorked && this.#restarts < mostRestarts && endedFromOutside.test(ended)) {
        this.#restarts++;
        this.#startOperator();
        const pid = await waitFor('the next operator to start', async () => this.operatorPid());
        return `the operator ${ended}; another one carries on (process ${pid})`;
      }
      throw new ProgramEnded(name, ended, await this.#supervisor.logTail(name));
    }
    return undefined;
  }

  /** The process id of the operator, while one runs. */
  operatorPid(): number | undefined {
    return listProcesses().find(
      ({ command }) => command.includes(operatorMain) && command.includes(this.#operatorKubeconfig),
    )?.pid;
  }

  #startOperator(): void {
    const args = [operatorMain, '--kubeconfig', this.#operatorKubeconfig, ...operatorFlags];
    this.#programs.set('operator', startNode(this.#supervisor, 'operator', args));
  }

  /** Ends everything and removes what it wrote. */
  async stop(): Promise<void> {
    await this.#supervisor.close();
    await this.cluster.stop();
  }
}

function startNode(supervisor: Supervisor, name: string, args: string[]): Running {
  return supervisor.start(name, process.execPath, ['--disable-warning=ExperimentalWarning', ...args]);
}

/** Starts a simulator; its first line tells where it listens. */
async function startSimulator<Account>(
  supervisor: Supervisor,
  programs: Map<string, Running>,
  name: string,
  options: object,
): Promise<Account & { controlUrl: string }> {
  const running = startNode(supervisor, name, [simulatorMain(name), '--options', JSON.stringify(options)]);
  programs.set(name, running);
  const log = join(supervisor.folder, `${name}.log`);
  const said = await waitFor(`the simulated ${name} to listen`, async () => {
    if (running.ended !== undefined) return { ended: running.ended };
    const [first, ...rest] = (await readFile(log, 'utf8')).split('\n');
    return rest.length > 0 ? { line: String(first) } : undefined;
  });
  if (said.line === undefined)
    throw new ProgramEnded(`simulated ${name}`, said.ended, await supervisor.logTail(name));
  return JSON.parse(said.line) as Account & { controlUrl: string };
}
