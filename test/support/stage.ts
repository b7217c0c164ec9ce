import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiVersion, type KindName, kinds } from '../../src/api/kinds.ts';
import type { KubernetesObject } from '../../src/api/kubernetes-object.ts';
import { annotations as annotationNames } from '../../src/api/names.ts';
import type { Condition } from '../../src/api/v1alpha1/common.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts';
import { waitFor } from '../controlplane/wait.ts';
import { recordFixture } from '../gitops/record.ts';
import type { AzureSimulatorOptions } from '../simulators/azure/options.ts';
import { type AzureSimulator, startAzureSimulator } from '../simulators/azure/simulator.ts';
import type { Vm, VmSpec } from '../simulators/azure/state.ts';
import { installOperator, operatorNamespace } from './installation.ts';
import { OperatorProcess } from './operator-process.ts';

export { operatorNamespace };

/** Intervals for a vendor whose clock runs fast. */
export const fastFlags = [
  '--log-level=debug',
  '--leader-elect=false',
  '--cluster-id=test',
  '--poll-interval=150ms',
  '--progress-interval=300ms',
  '--retry-interval=300ms',
  '--settle-time=1s',
  '--drift-interval=1h',
  '--shutdown-grace=5s',
];

/** Any of Keyframe's objects, as tests look at it. */
export type AnyObject = KubernetesObject & {
  spec: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into statuses of every shape
  status?: Record<string, any> & { conditions?: Condition[] };
};

/** Everything that a scenario plays on: an API server, Azure, and operators with the rights that they would have. */
export class Stage implements AsyncDisposable {
  readonly cluster: ControlPlane;
  readonly azure: AzureSimulator;
  readonly #folder: string;
  readonly #operators: OperatorProcess[] = [];
  #kubeconfig = '';

  private constructor(cluster: ControlPlane, azure: AzureSimulator, folder: string) {
    this.cluster = cluster;
    this.azure = azure;
    this.#folder = folder;
  }

  static async set(
    options: {
      azure?: AzureSimulatorOptions;
      controllerManager?: boolean;
      kubeconfig?: string;
      /** Where the kinds, the ServiceAccount and its rights come from; config/rbac unless told otherwise. */
      install?: typeof installOperator;
    } = {},
  ): Promise<Stage> {
    const [cluster, azure, folder] = await Promise.all([
      startControlPlane({
        own: true,
        auditLog: true,
        ...(options.controllerManager === undefined ? {} : { controllerManager: options.controllerManager }),
      }),
      startAzureSimulator({ speed: 200, ...options.azure }),
      mkdtemp(join(tmpdir(), 'keyframe-stage-')),
    ]);
    azure.addResourceGroup('rg-test', 'westeurope');
    const stage = new Stage(cluster, azure, folder);
    stage.#kubeconfig = await (options.install ?? installOperator)(cluster, folder);
    return stage;
  }

  /** Starts an operator under its own ServiceAccount; `program` is run in place of the operator's main file. */
  async operator(
    flags: string[] = [],
    env: NodeJS.ProcessEnv = {},
    program?: string,
  ): Promise<OperatorProcess> {
    const operator = await OperatorProcess.start(this.#kubeconfig, [...fastFlags, ...flags], env, program);
    this.#operators.push(operator);
    return operator;
  }

  /** Starts an operator with the rights of a ServiceAccount that is there. */
  async operatorAs(
    account: { namespace: string; name: string },
    flags: string[] = [],
  ): Promise<OperatorProcess> {
    const { namespace, name } = account;
    const path = join(this.#folder, `${namespace}-${name}.kubeconfig`);
    const token = await this.cluster.serviceAccountToken(namespace, name);
    await this.cluster.writeKubeconfig({ token, namespace, path });
    const operator = await OperatorProcess.start(path, [...fastFlags, ...flags]);
    this.#operators.push(operator);
    return operator;
  }

  /** Makes a Secret with the credentials that Azure takes, and a VMProvider that uses it, both named `azure`. */
  async provider(
    namespace: string,
    change: { azure?: object; spec?: object; secret?: string; name?: string } = {},
  ): Promise<void> {
    const name = change.name ?? 'azure';
    await this.secret(namespace, name, change.secret ?? this.azure.clientSecret);
    await this.cluster.apply({
      apiVersion,
      kind: 'VMProvider',
      metadata: { name, namespace },
      spec: this.providerSpec(name, change),
    });
  }

  /** The spec of a provider of this Azure. */
  providerSpec(secret = 'azure', change: { azure?: object; spec?: object } = {}): object {
    const { azure } = this;
    return {
      azure: {
        cloud: 'Custom',
        endpoints: {
          resourceManager: azure.resourceManagerUrl,
          authority: azure.authorityUrl,
          audience: 'https://management.azure.com/',
        },
        subscriptionID: azure.subscriptionId,
        tenantID: azure.tenantId,
        auth: { clientSecret: { clientID: azure.clientId, secretRef: { name: secret } } },
        resourceGroup: 'rg-test',
        ...change.azure,
      },
      tls: { caBundle: azure.caPem },
      limits: { requestTimeout: '1s', requestsPerSecond: 1000, maxConcurrent: 32 },
      probeInterval: '5s',
      ...change.spec,
    };
  }

  async secret(namespace: string, name: string, clientSecret: string): Promise<void> {
    await this.cluster.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace },
      stringData: { clientSecret },
    });
  }

  /** Makes an object of one of Keyframe's kinds. */
  async make(
    kind: KindName,
    namespace: string | undefined,
    name: string,
    spec: object,
    metadata: object = {},
  ): Promise<AnyObject> {
    const object = {
      apiVersion,
      kind,
      metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...metadata },
      spec,
    };
    return this.cluster.request<AnyObject>('POST', this.path(kind, namespace), object);
  }

  async get(kind: KindName, namespace: string | undefined, name: string): Promise<AnyObject> {
    const object = await this.cluster.request<AnyObject>('GET', `${this.path(kind, namespace)}/${name}`);
    recordFixture(object);
    return object;
  }

  async list(kind: KindName, namespace?: string): Promise<AnyObject[]> {
    const { items } = await this.cluster.request<{ items: AnyObject[] }>('GET', this.path(kind, namespace));
    for (const item of items) recordFixture(item);
    return items;
  }

  async patch(
    kind: KindName,
    namespace: string | undefined,
    name: string,
    patch: object,
  ): Promise<AnyObject> {
    return this.cluster.request<AnyObject>('PATCH', `${this.path(kind, namespace)}/${name}`, patch);
  }

  async remove(kind: KindName, namespace: string | undefined, name: string): Promise<void> {
    await this.cluster.request('DELETE', `${this.path(kind, namespace)}/${name}`);
  }

  /** Deletes an object, and waits until it is gone. */
  async removed(kind: KindName, namespace: string | undefined, name: string): Promise<void> {
    await this.remove(kind, namespace, name);
    await this.gone(kind, namespace, name);
  }

  /** Has the vendor asked anew about an object, and waits for the answer. */
  async lookAt(kind: KindName, namespace: string | undefined, name: string): Promise<AnyObject> {
    const token = randomUUID();
    await this.annotate(kind, namespace, name, { [annotationNames.reconcileAt]: token });
    return this.until(
      kind,
      namespace,
      name,
      `answered ${token}`,
      ({ status }) => status?.lastHandledReconcileAt === token,
    );
  }

  /** Sets annotations; null takes one away. */
  async annotate(
    kind: KindName,
    namespace: string | undefined,
    name: string,
    annotations: Record<string, string | null>,
  ): Promise<AnyObject> {
    return this.patch(kind, namespace, name, { metadata: { annotations } });
  }

  /** Changes a status as only an operator should. */
  async patchStatus(
    kind: KindName,
    namespace: string | undefined,
    name: string,
    status: object,
  ): Promise<void> {
    await this.cluster.request('PATCH', `${this.path(kind, namespace)}/${name}/status`, { status });
  }

  /** Adds a VM to the resource group that providers fall back to. */
  vm(name: string, spec: Partial<VmSpec> = {}): Vm {
    return this.azure.addVm({ name, resourceGroup: 'rg-test', location: 'westeurope', ...spec });
  }

  /** The id of a VM of that resource group. */
  vmID(name: string): string {
    return `/subscriptions/${this.azure.subscriptionId}/resourceGroups/rg-test/providers/Microsoft.Compute/virtualMachines/${name}`;
  }

  /** Makes a VMSnapshot of a VM of that resource group, by the provider `azure` unless the spec names another. */
  async snapshot(
    namespace: string,
    name: string,
    vm: string,
    spec: object = {},
    metadata: object = {},
  ): Promise<AnyObject> {
    const whole = { providerRef: { name: 'azure' }, source: { vm: { name: vm } }, ...spec };
    return this.make('VMSnapshot', namespace, name, whole, metadata);
  }

  /** The operators that were started, those that ended among them. */
  get operators(): readonly OperatorProcess[] {
    return this.#operators;
  }

  /** The Events of a namespace; cluster-scoped objects have theirs in `default`. */
  async events(namespace?: string): Promise<KubeEvent[]> {
    const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
    const path = `/apis/events.k8s.io/v1${scope}/events`;
    return (await this.cluster.request<{ items: KubeEvent[] }>('GET', path)).items;
  }

  /** Waits until there is an Event of an object with a reason. */
  async event(namespace: string, name: string, reason: string): Promise<KubeEvent> {
    return waitFor(`an Event ${reason} of ${name}`, async () =>
      (await this.events(namespace)).find(
        (event) => event.regarding.name === name && event.reason === reason,
      ),
    );
  }

  /** Writes of the operators to objects of a kind, from the audit log; Events are objects of their own. */
  async writes(kind: KindName, namespace?: string): Promise<Write[]> {
    const events = await this.cluster.auditEvents(
      ({ verb, objectRef, user }) =>
        objectRef?.resource === kinds[kind].plural &&
        (namespace === undefined || objectRef.namespace === namespace) &&
        user.username.includes('serviceaccount') &&
        !['get', 'list', 'watch'].includes(verb),
    );
    return events.map(({ verb, objectRef, responseStatus }) => ({
      verb,
      name: objectRef?.name ?? '',
      part: objectRef?.subresource ?? 'metadata',
      code: responseStatus?.code ?? 0,
    }));
  }

  /** Waits until something is true of an object; the error says how it stood. */
  async until(
    kind: KindName,
    namespace: string | undefined,
    name: string,
    what: string,
    holds: (object: AnyObject) => boolean,
    deadlineMs = 60_000,
  ): Promise<AnyObject> {
    let last: AnyObject | undefined;
    try {
      return await waitFor(
        `${kind} ${name}: ${what}`,
        async () => {
          last = await this.get(kind, namespace, name);
          return holds(last) ? last : undefined;
        },
        { deadline: deadlineMs, interval: 100 },
      );
    } catch (error) {
      throw new Error(`${String(error)}\n${this.#howItStands(last)}`);
    }
  }

  /** Waits until the Ready condition has a reason. */
  async reason(
    kind: KindName,
    namespace: string | undefined,
    name: string,
    reason: string,
    deadlineMs = 60_000,
  ): Promise<AnyObject> {
    return this.until(
      kind,
      namespace,
      name,
      `reason ${reason}`,
      (object) => ready(object)?.reason === reason,
      deadlineMs,
    );
  }

  /** Waits until an object is gone. */
  async gone(
    kind: KindName,
    namespace: string | undefined,
    name: string,
    deadlineMs = 60_000,
  ): Promise<void> {
    let last: AnyObject | undefined;
    try {
      await waitFor(
        `${kind} ${name} to be gone`,
        async () => {
          last = (await this.list(kind, namespace)).find(({ metadata }) => metadata.name === name);
          return last === undefined ? true : undefined;
        },
        { deadline: deadlineMs, interval: 100 },
      );
    } catch (error) {
      throw new Error(`${String(error)}\n${this.#howItStands(last)}`);
    }
  }

  path(kind: KindName, namespace: string | undefined): string {
    return `/apis/${apiVersion}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${kinds[kind].plural}`;
  }

  #howItStands(object: AnyObject | undefined): string {
    const { deletionTimestamp, finalizers } = object?.metadata ?? {};
    const shown = JSON.stringify({ deletionTimestamp, finalizers, status: object?.status }, undefined, 1);
    const said = this.#operators.map((operator) => operator.tail(15)).join('\n---\n');
    return `it is: ${shown}\nthe operator said:\n${said}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#operators.map((operator) => operator[Symbol.asyncDispose]()));
    await Promise.all([
      this.azure.close(),
      this.cluster.stop(),
      rm(this.#folder, { recursive: true, force: true }),
    ]);
  }
}

/** An Event, as far as tests look at it. */
export interface KubeEvent {
  type: string;
  reason: string;
  note: string;
  regarding: { kind: string; name: string; namespace?: string };
}

/** One write of an operator. */
export interface Write {
  verb: string;
  name: string;
  /** `metadata` or `status`. */
  part: string;
  /** The HTTP status of the answer. */
  code: number;
}

/** The Ready condition. */
export function ready(object: AnyObject): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === 'Ready');
}
