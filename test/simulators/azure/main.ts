import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startControl } from './control.ts';
import type { AzureSimulatorOptions } from './options.ts';
import { startAzureSimulator } from './simulator.ts';

const usage = `A simulated Azure.

  node test/simulators/azure/main.ts [flags]

  --port <n>             of Azure Resource Manager; any free one by default
  --authority-port <n>   of the authority
  --identity-port <n>    of the managed identity endpoint
  --control-port <n>     of the control API, on the loopback address
  --hostname <name>      the host in the simulator's own URLs; 127.0.0.1 by default
  --listen <address>     the address to listen on, but for the control API; 127.0.0.1 by default
  --speed <n>            simulated seconds to a real one; 1 by default
  --ca-file <path>       where to write the certificate that clients must trust
  --options <json>       any other option of startAzureSimulator

When it listens it prints one line of JSON with its URLs and credentials.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      'authority-port': { type: 'string' },
      'identity-port': { type: 'string' },
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
  const options: AzureSimulatorOptions = {
    ...(values.options === undefined ? {} : (JSON.parse(values.options) as AzureSimulatorOptions)),
    ...(values.speed === undefined ? {} : { speed: Number(values.speed) }),
    ...(values.hostname === undefined ? {} : { hostname: values.hostname }),
    ...(values.listen === undefined ? {} : { listenHost: values.listen }),
    ports: {
      resourceManager: Number(values.port ?? 0),
      authority: Number(values['authority-port'] ?? 0),
      managedIdentity: Number(values['identity-port'] ?? 0),
    },
  };
  const simulator = await startAzureSimulator(options);
  const control = await startControl(simulator, Number(values['control-port'] ?? 0));
  if (values['ca-file'] !== undefined) writeFileSync(values['ca-file'], simulator.caPem);
  const { resourceManagerUrl, authorityUrl, managedIdentityUrl, tenantId, subscriptionId } = simulator;
  const { clientId, clientSecret, caPem } = simulator;
  process.stdout.write(
    `${JSON.stringify({
      controlUrl: control.url,
      resourceManagerUrl,
      authorityUrl,
      managedIdentityUrl,
      tenantId,
      subscriptionId,
      clientId,
      clientSecret,
      caPem,
    })}\n`,
  );
  const stop = async (): Promise<void> => {
    await control.close();
    await simulator.close();
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
}

await main();
