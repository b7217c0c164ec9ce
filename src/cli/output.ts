/** What goes to the terminal, and to whoever reads instead of it. */
import { dump } from 'js-yaml';
import type { Surroundings } from './command.ts';
import { glyphsFor, painter, type Style, wrapped } from './text.ts';
import type { Look } from './tree-view.ts';

/** How lines are to look on a stream: coloured, with bars, and cut to the width only where it is a terminal. */
export function lookOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Look {
  return {
    columns: stream.isTTY ? stream.columns : Number.POSITIVE_INFINITY,
    paint: painter(stream),
    glyphs: glyphsFor(env),
    bars: stream.isTTY,
  };
}

/** A value as JSON or YAML, for machines. */
export function structured(value: unknown, format: 'json' | 'yaml'): string {
  return format === 'json'
    ? `${JSON.stringify(value, null, 2)}\n`
    : dump(value, { noRefs: true, lineWidth: -1, skipInvalid: true });
}

export function say({ stdout }: Pick<Surroundings, 'stdout'>, lines: string | readonly string[]): void {
  const text = typeof lines === 'string' ? lines : lines.join('\n');
  if (text !== '') stdout.write(`${text}\n`);
}

/** For what is not the result: it must not get into a file or a pipe. */
export function tell({ stderr }: Pick<Surroundings, 'stderr'>, line: string): void {
  stderr.write(`${line}\n`);
}

/** The same for a sentence, which is broken into the lines of a terminal. */
export function tellWrapped(
  surroundings: Pick<Surroundings, 'stderr'>,
  sentence: string,
  style?: Style,
): void {
  const { stderr } = surroundings;
  const paint = painter(stderr);
  for (const line of wrapped(sentence, stderr.isTTY ? stderr.columns : Number.POSITIVE_INFINITY))
    tell(surroundings, style === undefined ? line : paint(style, line));
}
