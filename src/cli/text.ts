/** Words and bars for a terminal. */
import { styleText } from 'node:util';
import stringWidth from 'string-width';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

/** Gives a text a colour, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** The signs of a screen. */
export interface Glyphs {
  done: string;
  working: string;
  failed: string;
  ellipsis: string;
  /** Before what is to be done. */
  hint: string;
  /** Parts of a full cell, rising; the last is the full one. */
  cells: string[];
  empty: string;
  /** The lines of a tree: to a further child, to the last one, past a further one, past the last one. */
  branches: { further: string; last: string; past: string; none: string };
}

export const unicodeGlyphs: Glyphs = {
  done: '●',
  working: '◐',
  failed: '✗',
  ellipsis: '…',
  hint: '→',
  cells: ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'],
  empty: '░',
  branches: { further: '├─ ', last: '└─ ', past: '│  ', none: '   ' },
};

export const plainGlyphs: Glyphs = {
  done: '+',
  working: '~',
  failed: 'x',
  ellipsis: '>',
  hint: '>',
  cells: ['#'],
  empty: '.',
  branches: { further: '|- ', last: '`- ', past: '|  ', none: '   ' },
};

/** The signs that a terminal of this locale can show. */
export function glyphsFor({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): Glyphs {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '') ? unicodeGlyphs : plainGlyphs;
}

/** Colours where the stream is a terminal that has them and NO_COLOR does not forbid them. */
export function painter(stream: NodeJS.WritableStream): Paint {
  return (style, text) => styleText(style, text, { stream });
}

/** No colours. */
export const unpainted: Paint = (_, text) => text;

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** How many columns of a terminal a text takes: characters of East Asia take two. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** Takes out what would move the cursor or change colours. For every text that comes from elsewhere. */
export function harmless(text: string): string {
  return text.replaceAll(/\p{C}+/gu, ' ');
}

/** Makes a text harmless, and cuts it to a width, with a sign that something was cut. */
export function cut(text: string, width: number, ellipsis = unicodeGlyphs.ellipsis): string {
  const whole = harmless(text);
  if (widthOf(whole) <= width) return whole;
  if (width < 1) return '';
  let kept = '';
  let room = width - widthOf(ellipsis);
  for (const { segment } of graphemes.segment(whole)) {
    room -= widthOf(segment);
    if (room < 0) break;
    kept += segment;
  }
  return `${kept}${ellipsis}`;
}

/** Cut or filled up to exactly a width. */
export function padded(text: string, width: number, ellipsis?: string): string {
  const fitting = cut(text, width, ellipsis);
  return fitting + ' '.repeat(Math.max(0, width - widthOf(fitting)));
}

/**
 * Makes a text harmless, and breaks it at spaces into lines of at most a width. A word that is longer than a line
 * is not broken: it is an id or an address that people copy.
 */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of harmless(text).split(' ')) {
    if (word === '') continue;
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

/** A bar of so many cells. A part of a cell shows where the signs have parts; nothing is full before 100 %. */
export function bar(percent: number, width: number, { cells, empty }: Glyphs): string {
  const parts = Math.floor((Math.min(100, Math.max(0, percent)) / 100) * width * cells.length);
  const full = Math.floor(parts / cells.length);
  const part = parts % cells.length;
  const filled = (cells.at(-1) ?? '').repeat(full) + (part === 0 ? '' : (cells[part - 1] ?? ''));
  return filled + empty.repeat(width - full - (part === 0 ? 0 : 1));
}

/** Time of day, local: 17:04:09. */
export function clock(milliseconds: number): string {
  const at = new Date(milliseconds);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** A time span: 0:42, 12:05. */
export function span(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** An age as kubectl shows it, in its two largest units while small: 42s, 5m, 3h20m, 12d. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const both = (large: number, unit: string, small: number, smallUnit: string) =>
    small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`;
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return both(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return both(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (days < 8) return both(days, 'd', hours % 24, 'h');
  return `${days}d`;
}

/** A size of a disk: 30 GiB. */
export function gibibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 30)} GiB`;
}

/** A number with its noun: 1 disk, 2 disks. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
