import type { Command } from '../command.ts';
import { cut } from '../text.ts';
import { lookUp } from './look-up.ts';
import { filesDirective, noFilesDirective } from './scripts.ts';
import { beginning, type Word, whatCompletes } from './what.ts';

/** Columns of a description: shells show it beside the word. */
const descriptionWidth = 60;

/**
 * The lines by which a shell, or kubectl, is answered: words with a tab and their description, and a directive in the
 * last line, in the form of programs that are made with Cobra, kubectl among them.
 *
 * @param args all words behind the name of the program; the last is the one that is being written
 */
export async function completionLines(
  args: string[],
  commands: readonly Command[],
  version: string,
): Promise<string[]> {
  const wanted = whatCompletes(args, commands);
  if (wanted === undefined) return [noFilesDirective];
  if ('files' in wanted) return [filesDirective];
  const written = (args.at(-1) ?? '').replace(/^--[\w-]+=/, '');
  const words: Word[] =
    'words' in wanted ? wanted.words : beginning(written, await lookUp(wanted.lookUp, wanted.given, version));
  return [
    ...words.map(({ value, description }) =>
      description === '' ? value : `${value}\t${cut(description, descriptionWidth)}`,
    ),
    noFilesDirective,
  ];
}
