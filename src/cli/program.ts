/** Finds the command that is meant, runs it, and says how it ended. */
import { type Command, commandHelp, helpOption, overview, type Surroundings } from './command.ts';
import { completion } from './commands/completion.ts';
import { discover } from './commands/discover.ts';
import { doctor } from './commands/doctor.ts';
import { restore } from './commands/restore.ts';
import { snapshot } from './commands/snapshot.ts';
import { status } from './commands/status.ts';
import { version } from './commands/version.ts';
import { completionLines } from './completion/answer.ts';
import { exitCodes, explained, UsageError } from './failure.ts';
import { readOptions } from './options.ts';
import { say, tell, tellWrapped } from './output.ts';

export const commands: readonly Command[] = [
  status,
  snapshot,
  restore,
  discover,
  doctor,
  completion,
  version,
];

/** Runs the plugin. Gives the exit code; throws nothing. */
export async function runProgram(args: string[], surroundings: Surroundings): Promise<number> {
  const [name, ...rest] = args;
  // For shells: what is being written need not be a command line yet.
  if (name === '__complete' || name === '__complete-word') {
    const current = name === '__complete' ? [] : [surroundings.env.KEYFRAME_COMPLETE_WORD ?? ''];
    say(surroundings, await completionLines([...rest, ...current], commands, surroundings.version));
    return exitCodes.done;
  }
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const meant = commands.find((command) => command.name === rest[0]);
    surroundings.stdout.write(meant === undefined ? overview(commands) : commandHelp(meant));
    return exitCodes.done;
  }
  const command = commands.find((candidate) => candidate.name === (name === '--version' ? 'version' : name));
  try {
    if (command === undefined) throw new UsageError(unknownCommand(name));
    const { values, positionals } = readOptions(rest, { ...command.options, ...helpOption });
    if (values.help) {
      surroundings.stdout.write(commandHelp(command));
      return exitCodes.done;
    }
    const [least, most] = command.argumentCount;
    if (positionals.length < least || positionals.length > most)
      throw new UsageError(
        `${command.name} takes ${command.arguments === '' ? 'no arguments' : command.arguments}, not ${positionals.length === 0 ? 'nothing' : positionals.join(' ')}`,
      );
    return await command.run({ ...surroundings, values, args: positionals });
  } catch (error) {
    return ended(error, command, surroundings);
  }
}

function unknownCommand(name: string): string {
  const known = commands.map(({ name }) => name).join(', ');
  return name.startsWith('-')
    ? `${name}: options go behind the command, which is one of ${known}`
    : `there is no command ${JSON.stringify(name)}, but ${known}`;
}

function ended(error: unknown, command: Command | undefined, surroundings: Surroundings): number {
  if (surroundings.interrupted.aborted) return exitCodes.interrupted;
  if (error instanceof UsageError) {
    tellWrapped(surroundings, `error: ${error.message}`, 'red');
    tell(
      surroundings,
      `kubectl keyframe ${command === undefined ? '' : `${command.name} `}--help explains it.`,
    );
    return exitCodes.usage;
  }
  const { message, advice } = explained(error);
  tellWrapped(surroundings, `error: ${message}`, 'red');
  if (advice !== undefined) tellWrapped(surroundings, advice);
  return exitCodes.failed;
}
