import { portOf, runSimulator } from '../common/command-line.ts';
import { commandsOf } from './control.ts';
import type { AzureSimulatorOptions } from './options.ts';
import { startAzureSimulator } from './simulator.ts';

await runSimulator({
  name: 'azure',
  title: 'A simulated Azure.',
  flags: {
    port: { value: 'n', help: 'of Azure Resource Manager; any free one by default' },
    'authority-port': { value: 'n', help: 'of the authority' },
    'identity-port': { value: 'n', help: 'of the managed identity endpoint' },
  },
  start: (options: AzureSimulatorOptions, own) =>
    startAzureSimulator({
      ...options,
      ports: {
        resourceManager: portOf(own.port),
        authority: portOf(own['authority-port']),
        managedIdentity: portOf(own['identity-port']),
      },
    }),
  commands: commandsOf,
  told: [
    'resourceManagerUrl',
    'authorityUrl',
    'managedIdentityUrl',
    'tenantId',
    'subscriptionId',
    'clientId',
    'clientSecret',
  ],
});
