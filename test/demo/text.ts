/** Words and bars for a terminal. */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

/** Gives a text a colour, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** The signs of a screen. */
export interface Glyphs {
  done: string;
  working: string;
  failed: string;
  ellipsis: string;
  /** Parts of a full cell, rising; the last is the full one. */
  cells: string[];
  empty: string;
}

export const unicodeGlyphs: Glyphs = {
  done: '●',
  working: '◐',
  failed: '✗',
  ellipsis: '…',
  cells: ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'],
  empty: '░',
};

export const plainGlyphs: Glyphs = {
  done: '+',
  working: '~',
  failed: 'x',
  ellipsis: '>',
  cells: ['#'],
  empty: '.',
};

/** The signs that a terminal of this locale can show. */
export function glyphsFor({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): Glyphs {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '') ? unicodeGlyphs : plainGlyphs;
}

/** Colours where the stream is a terminal that has them and NO_COLOR does not forbid them. */
export function painter(stream: NodeJS.WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream });
}

/** Takes out what would move the cursor, and cuts to a width, with a sign that something was cut. */
export function cut(text: string, width: number, ellipsis = unicodeGlyphs.ellipsis): string {
  const characters = Array.from(text.replaceAll(/\p{C}+/gu, ' '));
  if (characters.length <= width) return characters.join('');
  return width < 1 ? '' : `${characters.slice(0, width - 1).join('')}${ellipsis}`;
}

/** Cut or filled up to exactly a width. */
export function padded(text: string, width: number, ellipsis?: string): string {
  return cut(text, width, ellipsis).padEnd(Math.max(0, width));
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

/** A size of a disk: 30 GiB. */
export function gibibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 30)} GiB`;
}

/** A number with its noun: 1 disk, 2 disks. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
