import type { AzureProvider } from '../../../src/providers/azure/azure-provider.ts';
import { collectionID } from '../../../src/providers/azure/ids.ts';
import {
  type AzureProviderOptions,
  createAzureProvider,
  endpointIDOf,
} from '../../../src/providers/azure/provider.ts';
import { Budgets } from '../../../src/providers/budget.ts';
import type { RequestReport } from '../../../src/providers/exchange.ts';
import type { Call, Outcome, WriteCall } from '../../../src/providers/outcome.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import type { AzureSimulatorOptions } from '../../simulators/azure/options.ts';
import { type AzureSimulator, startAzureSimulator } from '../../simulators/azure/simulator.ts';

/** A simulated Azure with a VM, and a provider that speaks to it. */
export interface Bench extends AsyncDisposable {
  azure: AzureSimulator;
  provider: AzureProvider;
  reports: RequestReport[];
  vmID: string;
  /** The id of a collection in the resource group of the VM. */
  collection(name: string): string;
  /** Another provider to the same simulator. */
  connect(changes?: Partial<AzureProviderOptions>): AzureProvider;
}

/** Starts both. The provider trusts the simulator's authority and finds the token endpoint by metadata. */
export async function startBench(
  options: AzureSimulatorOptions = {},
  changes: Partial<AzureProviderOptions> = {},
): Promise<Bench> {
  const azure = await startAzureSimulator({ speed: 1000, ...options });
  const vm = azure.addVm({ name: 'web', resourceGroup: 'rg', location: 'eastus', dataDisks: [{}] });
  const opened: AzureProvider[] = [];
  const reports: RequestReport[] = [];
  const connect: Bench['connect'] = (more = {}) => {
    const base = {
      cloud: 'Custom' as const,
      endpoints: { resourceManager: azure.resourceManagerUrl },
      subscriptionID: azure.subscriptionId,
      tenantID: azure.tenantId,
    };
    const limits = { maxConcurrent: 8, requestsPerSecond: 1000, requestTimeoutMs: 5_000 };
    const { budget } = new Budgets(systemClock).lease(endpointIDOf(base), limits);
    const provider = createAzureProvider({
      ...base,
      auth: { clientSecret: { clientID: azure.clientId, secret: azure.clientSecret } },
      tls: { caBundle: azure.caPem },
      limits,
      budget,
      monotonic: systemClock.monotonic,
      log: silentLogger,
      onRequest: (report) => reports.push(report),
      ...changes,
      ...more,
    });
    opened.push(provider);
    return provider;
  };
  return {
    azure,
    provider: connect(),
    reports,
    vmID: vm.id,
    collection: (name) => collectionID(azure.subscriptionId, 'rg', name),
    connect,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((provider) => provider.close()));
      await azure.close();
    },
  };
}

/** A read. */
export function read(): Call {
  return { signal: new AbortController().signal, priority: 'Poll' };
}

/** A write that may be sent at once. */
export function write(): WriteCall {
  return { signal: new AbortController().signal, priority: 'Write', sendBefore: performance.now() + 5_000 };
}

/** The value of an outcome that must be Done or Pending. */
export function must<T>(outcome: Outcome<T>): T {
  if (outcome.kind !== 'Done' && outcome.kind !== 'Pending') throw new Error(JSON.stringify(outcome));
  return outcome.value;
}
