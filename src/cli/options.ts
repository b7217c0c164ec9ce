/** The options of a command: declared once, and read, explained and completed from there. */
import { parseArgs } from 'node:util';
import { UsageError } from './failure.ts';
import { wrapped } from './text.ts';

/** What the shell may be offered for a value or an argument; looked up in the cluster but for `contexts`. */
export type Suggestion =
  | 'contexts'
  | 'namespaces'
  | 'providers'
  | 'vms'
  | 'snapshots'
  | 'sources'
  | 'anything';

export interface Option {
  /** Shown for the value in the help; absent for switches. */
  value?: string;
  short?: string;
  /** The only values that it takes. */
  words?: readonly string[];
  /** The value when it stands alone: `--dry-run` is `--dry-run=client`. */
  bare?: string;
  suggests?: Suggestion;
  help: string;
}

export type Options = Readonly<Record<string, Option>>;

/** What was given, by the names of the options. */
export type Values<O extends Options> = {
  [Name in keyof O]: O[Name] extends { value: string } ? string | undefined : boolean;
};

/**
 * Reads a command line.
 *
 * @returns the values, and the arguments that belong to no option
 * @throws UsageError for an option that is not there, has no value, or has one that it does not take
 */
export function readOptions<O extends Options>(
  args: string[],
  options: O,
): { values: Values<O>; positionals: string[] } {
  const declared = Object.entries(options);
  const bare = new Map(declared.map(([name, { bare }]) => [`--${name}`, bare]));
  const switches = new Set(declared.filter(([, { value }]) => value === undefined).map(([name]) => name));
  // What follows `--` is left alone.
  const end = args.indexOf('--');
  const given = args.map((arg, index) => {
    if (end >= 0 && index > end) return arg;
    const alone = bare.get(arg);
    if (alone !== undefined) return `${arg}=${alone}`;
    // kubectl's own switches may be written so.
    const [, name = '', isOn] = /^--([\w-]+)=(true|false)$/.exec(arg) ?? [];
    return switches.has(name) ? (isOn === 'true' ? `--${name}` : undefined) : arg;
  });
  let read: ReturnType<typeof parseArgs>;
  try {
    read = parseArgs({
      args: given.filter((arg) => arg !== undefined),
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(
        declared.map(([name, { value, short }]) => [
          name,
          {
            type: value === undefined ? ('boolean' as const) : ('string' as const),
            ...(short === undefined ? {} : { short }),
          },
        ]),
      ),
    });
  } catch (error) {
    // The first sentence says it; what follows is about Node's own options.
    throw new UsageError(String((error as Error).message).split('. ')[0] ?? '');
  }
  const values: Record<string, string | boolean | undefined> = {};
  for (const [name, option] of declared) {
    const value = read.values[name] as string | boolean | undefined;
    if (option.value === undefined) {
      values[name] = value === true;
      continue;
    }
    if (value === '') throw new UsageError(`--${name} takes ${option.value}, not an empty text`);
    if (value !== undefined && option.words !== undefined) {
      const word = option.words.find((each) => each.toLowerCase() === String(value).toLowerCase());
      if (word === undefined)
        throw new UsageError(
          `--${name} takes one of ${option.words.join(', ')}, not ${JSON.stringify(value)}`,
        );
      values[name] = word;
    } else {
      values[name] = value;
    }
  }
  return { values: values as Values<O>, positionals: read.positionals };
}

/** The options as the help shows them, within a width. */
export function optionLines(options: Options, width: number): string[] {
  const rows = Object.entries(options).map(([name, option]) => ({
    head: `${option.short === undefined ? '    ' : `-${option.short}, `}--${name}${valuePart(option)}`,
    help: option.words === undefined ? option.help : `${option.help} One of ${option.words.join(', ')}.`,
  }));
  const column = Math.min(28, Math.max(...rows.map(({ head }) => head.length)) + 2);
  return rows.flatMap(({ head, help }) => {
    const [first = '', ...rest] = wrapped(help, width - column - 2);
    const filled =
      head.length + 2 <= column
        ? [`  ${head.padEnd(column)}${first}`]
        : [`  ${head}`, `${' '.repeat(column + 2)}${first}`];
    return [...filled, ...rest.map((line) => `${' '.repeat(column + 2)}${line}`)];
  });
}

function valuePart({ value, bare }: Option): string {
  if (value === undefined) return '';
  return bare === undefined ? ` ${value}` : `[=${value}]`;
}
