import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Screen } from './screen.ts';

const start = '\u001b[';

function openScreen() {
  const output = new PassThrough();
  const screen = new Screen(output);
  screen.open();
  output.read();
  return { screen, written: () => String(output.read() ?? '') };
}

describe('Screen', () => {
  it('sends only the lines that changed', () => {
    const { screen, written } = openScreen();
    screen.draw(['one', 'two', 'three']);
    written();
    screen.draw(['one', 'TWO', 'three']);
    const sent = written();
    expect(sent).toContain(`${start}2;1H${start}2KTWO`);
    expect(sent).not.toContain('one');
    expect(sent).not.toContain('three');
  });

  it('sends nothing when nothing changed', () => {
    const { screen, written } = openScreen();
    screen.draw(['one']);
    written();
    screen.draw(['one']);
    expect(written()).toBe('');
  });

  it('clears lines that are there no more, and draws all again after the size changed', () => {
    const { screen, written } = openScreen();
    screen.draw(['one', 'two']);
    written();
    screen.draw(['one']);
    expect(written()).toContain(`${start}2;1H${start}2K`);
    screen.clear();
    screen.draw(['one']);
    expect(written()).toContain('one');
  });

  it('gives cursor, line wrap and the first screen back, once', () => {
    const { screen, written } = openScreen();
    screen.close();
    expect(written()).toBe(`${start}?7h${start}?25h${start}?1049l`);
    screen.close();
    screen.draw(['late']);
    expect(written()).toBe('');
  });
});
