import type { Writable } from 'node:stream';

const control = (code: string): string => `\u001b[${code}`;
/** Terminals that know it show what lies between in one go; others ignore it. */
const beginUpdate = control('?2026h');
const endUpdate = control('?2026l');

/**
 * A screen that is redrawn in place: the terminal's second screen, without cursor and line wrap. Only lines that
 * changed are sent, so that nothing flickers and a selection stays.
 */
export class Screen {
  readonly #output: Writable;
  #shown: string[] = [];
  #open = false;

  constructor(output: Writable) {
    this.#output = output;
  }

  open(): void {
    if (this.#open) return;
    this.#open = true;
    this.#output.write(control('?1049h') + control('?25l') + control('?7l') + control('2J'));
  }

  /** Shows lines from the top; what was below is cleared. */
  draw(lines: string[]): void {
    if (!this.#open) return;
    let text = '';
    for (let row = 0; row < Math.max(lines.length, this.#shown.length); row++) {
      const line = lines[row] ?? '';
      if (line !== this.#shown[row]) text += control(`${row + 1};1H`) + control('2K') + line;
    }
    this.#shown = [...lines];
    if (text !== '') this.#output.write(beginUpdate + text + endUpdate);
  }

  /** Forgets what is shown, so that the next drawing is whole: the size changed. */
  clear(): void {
    this.#shown = [];
    if (this.#open) this.#output.write(control('2J'));
  }

  /** Gives the terminal back as it was. May be called again, and from an exit handler. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#output.write(control('?7h') + control('?25h') + control('?1049l'));
  }
}
