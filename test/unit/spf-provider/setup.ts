import type { RequestReport } from '../../../src/providers/exchange.ts';
import type { VMOperator } from '../../../src/providers/provider.ts';
import {
  createSpfProvider,
  endpointIDOf,
  type SPFProviderOptions,
} from '../../../src/providers/spf/provider.ts';
import type { SpfSimulatorOptions } from '../../simulators/spf/options.ts';
import { type SpfSimulator, startSpfSimulator } from '../../simulators/spf/simulator.ts';
import type { Vm } from '../../simulators/spf/state.ts';
import { connectionTo } from '../../support/provider-calls.ts';

/** A simulated SPF with a VM, and a provider that speaks to it. */
export interface Bench extends AsyncDisposable {
  spf: SpfSimulator;
  provider: VMOperator;
  reports: RequestReport[];
  vm: Vm;
  /** Of the VM. */
  container: string;
  /** Another provider to the same simulator. */
  connect(changes?: Partial<SPFProviderOptions>): VMOperator;
}

/** Starts both; the provider comes in by SPF's own door, in the scope of the subscription, as Basic. */
export async function startBench(
  options: SpfSimulatorOptions = {},
  changes: Partial<SPFProviderOptions> = {},
): Promise<Bench> {
  const spf = await startSpfSimulator({ speed: 1000, ...options });
  const vm = spf.addVm({ name: 'web', ownerRole: spf.subscriptionId });
  const opened: VMOperator[] = [];
  const reports: RequestReport[] = [];
  const connect: Bench['connect'] = (more = {}) => {
    const { user, password, domain } = spf.account;
    const url = more.url ?? spf.tenantRoot;
    const provider = createSpfProvider({
      url,
      principalID: 'user@contoso.com',
      auth: { basic: { username: `${domain}\\${user}`, password } },
      ...connectionTo(endpointIDOf({ url }), spf.caPem, reports),
      ...changes,
      ...more,
    });
    opened.push(provider);
    return provider;
  };
  return {
    spf,
    provider: connect(),
    reports,
    vm,
    container: `${vm.stampId}/${vm.id}`,
    connect,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((provider) => provider.close()));
      await spf.close();
    },
  };
}

/** A marked name, as intents have them. */
export const mark = 'keyframe-c1-01234567-89ab-4def-8123-456789abcdef-1';
