/**
 * Marks in texts that belong to people. oVirt and SPF have no tags either, so that the marked name of an attempt
 * (`keyframe-<cluster>-<uid>-<attempt>`) stands in brackets at the end of a description, behind people's own words.
 */

const markedName = 'keyframe-[a-z0-9]{1,20}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-[1-9][0-9]{0,6}';
const atTheEnd = new RegExp(`(?:^|\\s)\\[(${markedName})\\]\\s*$`, 'i');
const alone = new RegExp(`^\\s*(${markedName})\\s*$`, 'i');

/**
 * People's words with the mark behind them: `<words> [<name>]`, or `[<name>]` where there are none. Control characters
 * become blanks. Words that do not fit are cut, the mark never is.
 *
 * @param limit of the vendor, in UTF-16 code units
 * @throws RangeError when not even the mark fits
 */
export function markText(words: string | undefined, name: string, limit: number): string {
  const mark = `[${name}]`;
  if (mark.length > limit) throw new RangeError(`the mark ${mark} is longer than ${limit} characters`);
  const plain = (words ?? '').replace(/\p{Cc}+/gu, ' ').trim();
  const kept = cut(plain, limit - mark.length - 1);
  return kept === '' ? mark : `${kept} ${mark}`;
}

/**
 * The marked name in a text: in brackets at its end, or all of it. Undefined where it bears none. What people wrote
 * before the end is not believed, whatever it looks like.
 */
export function markedNameIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return (atTheEnd.exec(text) ?? alone.exec(text))?.[1];
}

/** The text without its mark: people's own words, or an empty text. */
export function wordsOf(text: string): string {
  return text.replace(alone, '').replace(atTheEnd, '').trim();
}

/** The beginning of a text, without half a character at its end. */
function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return text
    .slice(0, Math.max(0, limit))
    .replace(/[\ud800-\udbff]$/, '')
    .trimEnd();
}
