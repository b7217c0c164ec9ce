/** Findings as lines of text. Pure. */
import { type Style, widthOf, wrapped } from '../text.ts';
import type { Look } from '../tree-view.ts';
import type { Finding, Judgement } from './diagnose.ts';

const styles: Record<Judgement, Style> = { ok: 'green', warning: 'yellow', wrong: 'red', unseen: 'dim' };

/** One finding below the other, with what to do, and a sum. */
export function findingLines(findings: readonly Finding[], look: Look): string[] {
  const { columns, paint, glyphs } = look;
  const signs: Record<Judgement, string> = {
    ok: glyphs.done,
    warning: '!',
    wrong: glyphs.failed,
    unseen: '?',
  };
  const column = Math.max(...findings.map(({ check }) => widthOf(check))) + 4;
  const indent = ' '.repeat(column);
  const lines: string[] = [];
  let before: string | undefined;
  for (const { check, judgement, message, advice } of findings) {
    const sign = paint(styles[judgement], signs[judgement]);
    // A check with several findings is named once.
    const name = check === before ? '' : check;
    before = check;
    const [first = '', ...rest] = wrapped(message, Math.max(30, columns - column));
    lines.push(`${sign} ${name}${' '.repeat(column - 2 - widthOf(name))}${first}`);
    lines.push(...rest.map((line) => indent + line));
    if (advice === undefined) continue;
    const told = wrapped(advice, Math.max(30, columns - column - 2));
    lines.push(...told.map((line, at) => indent + paint('cyan', `${at === 0 ? glyphs.hint : ' '} ${line}`)));
  }
  return [...lines, '', sumOf(findings)];
}

/** How many of what: `1 wrong, 2 to look at, 7 fine`. */
export function sumOf(findings: readonly Finding[]): string {
  const count = (judgement: Judgement) => findings.filter((each) => each.judgement === judgement).length;
  const parts = [
    [count('wrong'), 'wrong'],
    [count('warning'), 'to look at'],
    [count('unseen'), 'not seen'],
    [count('ok'), 'fine'],
  ] as const;
  return parts
    .filter(([number]) => number > 0)
    .map(([number, word]) => `${number} ${word}`)
    .join(', ');
}
