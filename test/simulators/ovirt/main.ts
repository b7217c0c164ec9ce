import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startControl } from './control.ts';
import type { OvirtSimulatorOptions } from './options.ts';
import { startOvirtSimulator } from './simulator.ts';

const usage = `A simulated oVirt engine.

  node test/simulators/ovirt/main.ts [flags]

  --version <release>    of the engine, 3.0 to 4.5.x; 4.5.4 by default
  --port <n>             of the engine; any free one by default
  --control-port <n>     of the control API, on the loopback address
  --hostname <name>      the host in the simulator's own URLs; 127.0.0.1 by default
  --listen <address>     the address to listen on, but for the control API; 127.0.0.1 by default
  --speed <n>            simulated seconds to a real one; 1 by default
  --ca-file <path>       where to write the certificate that clients must trust
  --options <json>       any other option of startOvirtSimulator

When it listens it prints one line of JSON with its URLs and credentials.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      version: { type: 'string' },
      port: { type: 'string' },
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
  const options: OvirtSimulatorOptions = {
    ...(values.options === undefined ? {} : (JSON.parse(values.options) as OvirtSimulatorOptions)),
    ...(values.version === undefined ? {} : { version: values.version }),
    ...(values.speed === undefined ? {} : { speed: Number(values.speed) }),
    ...(values.hostname === undefined ? {} : { hostname: values.hostname }),
    ...(values.listen === undefined ? {} : { listenHost: values.listen }),
    port: Number(values.port ?? 0),
  };
  const simulator = await startOvirtSimulator(options);
  const control = await startControl(simulator, Number(values['control-port'] ?? 0));
  if (values['ca-file'] !== undefined) writeFileSync(values['ca-file'], simulator.caPem);
  const { url, username, password, caPem } = simulator;
  process.stdout.write(`${JSON.stringify({ controlUrl: control.url, url, username, password, caPem })}\n`);
  const stop = async (): Promise<void> => {
    await control.close();
    await simulator.close();
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
}

await main();
