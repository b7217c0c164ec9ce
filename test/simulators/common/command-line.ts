import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Commands, startControl } from './control.ts';
import type { SimulatorOptions } from './simulator.ts';

/** A flag as its help shows it. */
interface Flag {
  value: string;
  help: string;
}

/** A simulator that was started, as far as a program needs it. */
interface Started {
  caPem: string;
  close(): Promise<void>;
}

/** A simulator as a program. */
export interface Program<Options extends SimulatorOptions, S extends Started, Arguments> {
  /** Of its folder, such as `azure`. */
  name: string;
  /** Such as `A simulated Azure.` */
  title: string;
  /** The flags that it has beside those of every simulator. */
  flags: Record<string, Flag>;
  /** @param own what was given of its own flags */
  start(options: Options, own: Record<string, string | undefined>): Promise<S>;
  commands(simulator: S): Commands<Arguments>;
  /** Its URLs and credentials, which the first line of output tells beside the certificate to trust. */
  told: readonly (keyof S & string)[];
}

const commonFlags: Record<string, Flag> = {
  'control-port': { value: 'n', help: 'of the control API, on the loopback address' },
  hostname: { value: 'name', help: "the host in the simulator's own URLs; 127.0.0.1 by default" },
  listen: {
    value: 'address',
    help: 'the address to listen on, but for the control API; 127.0.0.1 by default',
  },
  speed: { value: 'n', help: 'simulated seconds to a real one; 1 by default' },
  'ca-file': { value: 'path', help: 'where to write the certificate that clients must trust' },
  options: { value: 'json', help: "any other option, see the simulator's options.ts" },
};

/** Runs a simulator with its control API until it is told to end. */
export async function runSimulator<Options extends SimulatorOptions, S extends Started, Arguments>(
  program: Program<Options, S, Arguments>,
): Promise<void> {
  const flags = { ...program.flags, ...commonFlags };
  const { values: given } = parseArgs({
    options: {
      ...Object.fromEntries(Object.keys(flags).map((name) => [name, { type: 'string' as const }])),
      help: { type: 'boolean', short: 'h' },
    },
  });
  const { help, ...values } = given as Record<string, string | undefined> & { help?: boolean };
  if (help) {
    process.stdout.write(usageOf(program, flags));
    return;
  }
  const options = {
    ...(values.options === undefined ? {} : (JSON.parse(values.options) as object)),
    ...(values.speed === undefined ? {} : { speed: Number(values.speed) }),
    ...(values.hostname === undefined ? {} : { hostname: values.hostname }),
    ...(values.listen === undefined ? {} : { listenHost: values.listen }),
  } as Options;
  const simulator = await program.start(options, values);
  const control = await startControl(program.commands(simulator), portOf(values['control-port']));
  const { caPem } = simulator;
  const told = Object.fromEntries(program.told.map((name) => [name, simulator[name]]));
  if (values['ca-file'] !== undefined) writeFileSync(values['ca-file'], caPem);
  process.stdout.write(`${JSON.stringify({ controlUrl: control.url, caPem, ...told })}\n`);
  const stop = async (): Promise<void> => {
    await control.close();
    await simulator.close();
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
}

/** A port that a flag names; 0, which is any free one, without it. */
export function portOf(value: string | undefined): number {
  return Number(value ?? 0);
}

function usageOf({ title, name }: { title: string; name: string }, flags: Record<string, Flag>): string {
  const rows = Object.entries(flags).map(([flag, { value, help }]) => ({
    left: `--${flag} <${value}>`,
    help,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return `${title}

  node test/simulators/${name}/main.ts [flags]

${rows.map(({ left, help }) => `  ${left.padEnd(width)}${help}`).join('\n')}

When it listens it prints one line of JSON with its URLs and credentials.
`;
}
