import type { RequestReport } from '../../../src/providers/exchange.ts';
import {
  createOvirtProvider,
  endpointIDOf,
  type OvirtProviderOptions,
} from '../../../src/providers/ovirt/provider.ts';
import type { VMOperator } from '../../../src/providers/provider.ts';
import type { OvirtSimulatorOptions } from '../../simulators/ovirt/options.ts';
import { type OvirtSimulator, startOvirtSimulator } from '../../simulators/ovirt/simulator.ts';
import type { Vm } from '../../simulators/ovirt/state.ts';
import { connectionTo } from '../../support/provider-calls.ts';

/** A simulated engine with a VM of two disks, and a provider that speaks to it. */
export interface Bench extends AsyncDisposable {
  engine: OvirtSimulator;
  provider: VMOperator;
  reports: RequestReport[];
  vm: Vm;
  /** Ids of its disks. */
  disks: string[];
  /** Another provider to the same engine. */
  connect(changes?: Partial<OvirtProviderOptions>): VMOperator;
}

/** The releases and forms that everything is tried with. */
export const dialects = [
  { name: 'engine 4.5, v4 in JSON', version: '4.5.4', options: {} },
  { name: 'engine 4.5, v4 in XML', version: '4.5.4', options: { mediaType: 'xml' } },
  { name: 'engine 4.0, v4 in JSON', version: '4.0.7', options: {} },
  { name: 'engine 4.3, v3 in XML', version: '4.3.10', options: { apiVersion: 'V3' } },
  { name: 'engine 3.6, v3 in XML', version: '3.6.13', options: {} },
  { name: 'engine 3.6, v3 in JSON', version: '3.6.13', options: { mediaType: 'json' } },
  { name: 'engine 3.1, v3 in XML', version: '3.1.0', options: {} },
] as const satisfies { name: string; version: string; options: Partial<OvirtProviderOptions> }[];

/** Starts both. Engines 3.x get a persistent session, others a token. */
export async function startBench(
  options: OvirtSimulatorOptions = {},
  changes: Partial<OvirtProviderOptions> = {},
): Promise<Bench> {
  const engine = await startOvirtSimulator({ speed: 1000, ...options });
  const vm = engine.addVm({ name: 'web', disks: [{ alias: 'root' }, { alias: 'data' }] });
  const opened: VMOperator[] = [];
  const reports: RequestReport[] = [];
  const connect: Bench['connect'] = (more = {}) => {
    const { username, password } = engine;
    const old = options.version?.startsWith('3') === true;
    const provider = createOvirtProvider({
      url: engine.url,
      apiVersion: 'Auto',
      auth: old ? { session: { username, password } } : { oauth: { username, password } },
      ...connectionTo(endpointIDOf(engine), engine.caPem, reports),
      ...changes,
      ...more,
    });
    opened.push(provider);
    return provider;
  };
  return {
    engine,
    provider: connect(),
    reports,
    vm,
    disks: vm.attachments.map(({ diskId }) => diskId),
    connect,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((provider) => provider.close()));
      await engine.close();
    },
  };
}

/** The name that bears the mark of an attempt. */
export function markedName(attempt = 1): string {
  return `keyframe-c1-6f1d2c3b-0000-4000-8000-0123456789ab-${attempt}`;
}
