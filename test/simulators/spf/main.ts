import { portOf, runSimulator } from '../common/command-line.ts';
import { commandsOf } from './control.ts';
import type { SpfSimulatorOptions } from './options.ts';
import { startSpfSimulator } from './simulator.ts';

await runSimulator({
  name: 'spf',
  title: 'A simulated Service Provider Foundation.',
  flags: {
    port: { value: 'n', help: "of SPF's own site (8090 at a real one); any free one by default" },
    'wap-admin-port': { value: 'n', help: "of Azure Pack's admin API (30004)" },
    'wap-tenant-port': { value: 'n', help: "of Azure Pack's tenant API (30005)" },
    'wap-public-port': { value: 'n', help: "of Azure Pack's tenant public API (30006)" },
  },
  start: (options: SpfSimulatorOptions, own) =>
    startSpfSimulator({
      ...options,
      ports: {
        spf: portOf(own.port),
        wapAdmin: portOf(own['wap-admin-port']),
        wapTenant: portOf(own['wap-tenant-port']),
        wapPublic: portOf(own['wap-public-port']),
      },
    }),
  commands: commandsOf,
  told: [
    'adminRoot',
    'tenantRoot',
    'wapAdminRoot',
    'wapTenantRoot',
    'wapPublicRoot',
    'subscriptionId',
    'stampId',
    'account',
    'bearerToken',
    'clientCertificate',
  ],
});
