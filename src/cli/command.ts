/** What a command is, and the manual that is made from it. */
import type { Options, Suggestion, Values } from './options.ts';
import { optionLines } from './options.ts';
import { wrapped } from './text.ts';

/** What a command is run with. */
export interface Surroundings {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  stdin: NodeJS.ReadStream;
  env: NodeJS.ProcessEnv;
  /** Version of this plugin. */
  version: string;
  /** Aborted by Ctrl-C. */
  interrupted: AbortSignal;
}

export interface Call<O extends Options> extends Surroundings {
  values: Values<O>;
  /** What belongs to no option. */
  args: string[];
}

export interface Command<O extends Options = Options> {
  name: string;
  /** As the usage shows them: `VM`, `[NAME]`. */
  arguments: string;
  /** How many there may be, at least and at most. */
  argumentCount: readonly [least: number, most: number];
  summary: string;
  /** Paragraphs. */
  description: string[];
  examples: { text: string; command: string }[];
  options: O;
  /** What completes its arguments. */
  suggests?: Suggestion | readonly string[];
  /** @returns the exit code */
  run(call: Call<O>): Promise<number>;
}

/** Keeps the types of the options for `run`, and forgets them for whoever lists commands. */
export function command<const O extends Options>(declared: Command<O>): Command {
  return declared as unknown as Command;
}

/** Options of every command that speaks to a cluster. */
export const connectionOptions = {
  context: {
    value: 'NAME',
    suggests: 'contexts',
    help: 'Context of the kubeconfig. Unset: the current one.',
  },
  kubeconfig: { value: 'FILE', help: 'Kubeconfig. Unset: $KUBECONFIG, then ~/.kube/config.' },
} as const satisfies Options;

export const namespaceOption = {
  namespace: {
    value: 'NAME',
    short: 'n',
    suggests: 'namespaces',
    help: "Namespace. Unset: that of the kubeconfig's context.",
  },
} as const satisfies Options;

export const helpOption = {
  help: { short: 'h', help: 'This text.' },
} as const satisfies Options;

/** Width of the manual: it must look right in the smallest usual terminal. */
const width = 80;

/** The manual of one command. */
export function commandHelp({ name, arguments: args, description, examples, options }: Command): string {
  return [
    ...description.flatMap((paragraph) => [...wrapped(paragraph, width), '']),
    'Usage:',
    `  kubectl keyframe ${name}${args === '' ? '' : ` ${args}`} [options]`,
    '',
    'Examples:',
    ...examples.flatMap(({ text, command }) => [
      ...wrapped(text, width - 4).map((line) => `  # ${line}`),
      `  kubectl keyframe ${command}`,
      '',
    ]),
    'Options:',
    ...optionLines({ ...options, ...helpOption }, width),
    '',
  ].join('\n');
}

/** The manual of all commands. */
export function overview(commands: readonly Command[]): string {
  const column = Math.max(...commands.map(({ name }) => name.length)) + 3;
  return [
    ...wrapped(
      'kubectl keyframe shows and makes snapshots of virtual machines outside the cluster. It reads and writes objects of the Kubernetes API, with the rights of your kubeconfig, and nothing else.',
      width,
    ),
    '',
    'Usage:',
    '  kubectl keyframe COMMAND [arguments] [options]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(column)}${summary}`),
    '',
    ...wrapped(
      'kubectl keyframe COMMAND --help explains a command, with examples. Options go behind the command: kubectl itself takes none before the name of a plugin.',
      width,
    ),
    '',
    ...wrapped(
      'Exit codes: 0 done; 1 failed, or something is wrong; 2 the command line is wrong; 3 not done within --timeout.',
      width,
    ),
    '',
  ].join('\n');
}
