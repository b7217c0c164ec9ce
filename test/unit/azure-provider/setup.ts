import type { AzureProvider } from '../../../src/providers/azure/azure-provider.ts';
import { collectionID } from '../../../src/providers/azure/ids.ts';
import {
  type AzureProviderOptions,
  createAzureProvider,
  endpointIDOf,
} from '../../../src/providers/azure/provider.ts';
import type { RequestReport } from '../../../src/providers/exchange.ts';
import type { AzureSimulatorOptions } from '../../simulators/azure/options.ts';
import { type AzureSimulator, startAzureSimulator } from '../../simulators/azure/simulator.ts';
import { connectionTo } from '../../support/provider-calls.ts';

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
    const provider = createAzureProvider({
      ...base,
      auth: { clientSecret: { clientID: azure.clientId, secret: azure.clientSecret } },
      ...connectionTo(endpointIDOf(base), azure.caPem, reports),
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
