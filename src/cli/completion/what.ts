/** What completes a command line that is being written. Pure. */
import { type Command, helpOption } from '../command.ts';
import type { Option, Options, Suggestion } from '../options.ts';

export interface Word {
  value: string;
  description: string;
}

/** The words themselves, what they are to be looked up from, or files. */
export type Wanted =
  | { words: Word[] }
  | { lookUp: Suggestion; given: Map<string, string> }
  | { files: true }
  | undefined;

/**
 * What may stand in place of the last word. Of `--option=valu` only the value is completed.
 *
 * @param args all words behind the name of the program; the last is the one that is being written
 */
export function whatCompletes(args: string[], commands: readonly Command[]): Wanted {
  const [name, ...rest] = args;
  if (name === undefined || rest.length === 0) {
    const names = commands.map((each) => ({ value: each.name, description: each.summary }));
    return { words: beginning(name ?? '', [...names, { value: 'help', description: 'Explains a command' }]) };
  }
  if (name === 'help')
    return {
      words: beginning(
        rest[0] ?? '',
        commands.map((each) => ({ value: each.name, description: each.summary })),
      ),
    };
  const command = commands.find((each) => each.name === name);
  return command === undefined ? undefined : withinCommand(command, rest);
}

function withinCommand(command: Command, args: string[]): Wanted {
  const options: Options = { ...command.options, ...helpOption };
  const current = args.at(-1) ?? '';
  const { given, waiting, positionals } = read(args.slice(0, -1), options);
  if (waiting !== undefined) return valueWords(waiting, current, given);
  const [, named, value] = /^--([\w-]+)=(.*)$/s.exec(current) ?? [];
  if (named !== undefined && value !== undefined) {
    const option = options[named];
    return option?.value === undefined ? undefined : valueWords(option, value, given);
  }
  if (current.startsWith('-')) {
    const unused = Object.entries(options).filter(([each]) => !given.has(each));
    return {
      words: beginning(
        current,
        unused.map(([each, { help }]) => ({ value: `--${each}`, description: help })),
      ),
    };
  }
  const { suggests } = command;
  if (suggests === undefined || positionals >= command.argumentCount[1]) return undefined;
  return typeof suggests === 'string'
    ? { lookUp: suggests, given }
    : {
        words: beginning(
          current,
          suggests.map((value) => ({ value, description: '' })),
        ),
      };
}

/** The options that were given so far, the one that waits for its value, and how many arguments there were. */
function read(args: string[], options: Options) {
  const given = new Map<string, string>();
  let waiting: Option | undefined;
  let waitingName = '';
  let positionals = 0;
  for (const arg of args) {
    if (waiting !== undefined) {
      given.set(waitingName, arg);
      waiting = undefined;
      continue;
    }
    const [, long, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const short = /^-(\w)(.*)$/s.exec(arg);
    const name =
      long ?? Object.keys(options).find((each) => short !== null && options[each]?.short === short[1]);
    const option = name === undefined ? undefined : options[name];
    if (name === undefined || option === undefined) {
      if (!arg.startsWith('-')) positionals++;
      continue;
    }
    const said = long === undefined ? short?.[2] || undefined : value;
    const waits = option.value !== undefined && said === undefined;
    if (waits && (long === undefined || option.bare === undefined)) {
      waiting = option;
      waitingName = name;
    } else {
      given.set(name, said ?? '');
    }
  }
  return { given, waiting, positionals };
}

function valueWords(option: Option, current: string, given: Map<string, string>): Wanted {
  if (option.words !== undefined)
    return {
      words: beginning(
        current,
        option.words.map((value) => ({ value, description: '' })),
      ),
    };
  if (option.suggests !== undefined) return { lookUp: option.suggests, given };
  return option.value === 'FILE' ? { files: true } : undefined;
}

/** Those that begin with what was written, in any case. */
export function beginning(written: string, words: Word[]): Word[] {
  return words.filter(({ value }) => value.toLowerCase().startsWith(written.toLowerCase()));
}
