import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startControl } from './control.ts';
import type { SpfSimulatorOptions } from './options.ts';
import { type SpfSimulator, startSpfSimulator } from './simulator.ts';

const usage = `A simulated Service Provider Foundation.

  node test/simulators/spf/main.ts [flags]

  --port <n>             of SPF's own site (8090 at a real one); any free one by default
  --wap-admin-port <n>   of Azure Pack's admin API (30004)
  --wap-tenant-port <n>  of Azure Pack's tenant API (30005)
  --wap-public-port <n>  of Azure Pack's tenant public API (30006)
  --control-port <n>     of the control API, on the loopback address
  --hostname <name>      the host in the simulator's own URLs; 127.0.0.1 by default
  --listen <address>     the address to listen on, but for the control API; 127.0.0.1 by default
  --speed <n>            simulated seconds to a real one; 1 by default
  --ca-file <path>       where to write the certificate that clients must trust
  --options <json>       any other option of startSpfSimulator

When it listens it prints one line of JSON with its URLs and credentials.
`;

/** What the first line says. */
export type Listening = { controlUrl: string } & Pick<
  SpfSimulator,
  | 'adminRoot'
  | 'tenantRoot'
  | 'wapAdminRoot'
  | 'wapTenantRoot'
  | 'wapPublicRoot'
  | 'caPem'
  | 'subscriptionId'
  | 'stampId'
  | 'account'
  | 'bearerToken'
  | 'clientCertificate'
>;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      'wap-admin-port': { type: 'string' },
      'wap-tenant-port': { type: 'string' },
      'wap-public-port': { type: 'string' },
      'control-port': { type: 'string' },
      hostname: { type: 'string' },
      listen: { type: 'string' },
      speed: { type: 'string' },
      'ca-file': { type: 'string' },
      options: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const simulator = await startSpfSimulator({
    ...(values.options === undefined ? {} : (JSON.parse(values.options) as SpfSimulatorOptions)),
    ...(values.speed === undefined ? {} : { speed: Number(values.speed) }),
    ...(values.hostname === undefined ? {} : { hostname: values.hostname }),
    ...(values.listen === undefined ? {} : { listenHost: values.listen }),
    ports: {
      spf: Number(values.port ?? 0),
      wapAdmin: Number(values['wap-admin-port'] ?? 0),
      wapTenant: Number(values['wap-tenant-port'] ?? 0),
      wapPublic: Number(values['wap-public-port'] ?? 0),
    },
  });
  const control = await startControl(simulator, Number(values['control-port'] ?? 0));
  if (values['ca-file'] !== undefined) writeFileSync(values['ca-file'], simulator.caPem);
  const listening: Listening = {
    controlUrl: control.url,
    adminRoot: simulator.adminRoot,
    tenantRoot: simulator.tenantRoot,
    wapAdminRoot: simulator.wapAdminRoot,
    wapTenantRoot: simulator.wapTenantRoot,
    wapPublicRoot: simulator.wapPublicRoot,
    caPem: simulator.caPem,
    subscriptionId: simulator.subscriptionId,
    stampId: simulator.stampId,
    account: simulator.account,
    bearerToken: simulator.bearerToken,
    clientCertificate: simulator.clientCertificate,
  };
  process.stdout.write(`${JSON.stringify(listening)}\n`);
  const stop = async (): Promise<void> => {
    await control.close();
    await simulator.close();
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
}

await main();
