import { portOf, runSimulator } from '../common/command-line.ts';
import { commandsOf } from './control.ts';
import type { OvirtSimulatorOptions } from './options.ts';
import { startOvirtSimulator } from './simulator.ts';

await runSimulator({
  name: 'ovirt',
  title: 'A simulated oVirt engine.',
  flags: {
    version: { value: 'release', help: 'of the engine, 3.0 to 4.5.x; 4.5.4 by default' },
    port: { value: 'n', help: 'of the engine; any free one by default' },
  },
  start: (options: OvirtSimulatorOptions, { version, port }) =>
    startOvirtSimulator({ ...options, ...(version === undefined ? {} : { version }), port: portOf(port) }),
  commands: commandsOf,
  told: ['url', 'username', 'password'],
});
