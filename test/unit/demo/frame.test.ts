import { describe, expect, it } from 'vitest';
import { copy, snapshot } from '../../../src/cli/testing/objects.ts';
import { plainGlyphs } from '../../../src/cli/text.ts';
import { type FrameOptions, frame } from '../../demo/frame.ts';
import type { ShownEvent } from '../../demo/observation.ts';
import { observation } from './objects.ts';

const options: FrameOptions = {
  columns: 100,
  rows: 40,
  now: Date.parse('2026-01-01T00:01:00Z'),
  elapsedMs: 60_000,
  paint: (_, text) => text,
  glyphs: plainGlyphs,
};

const event = (index: number): ShownEvent => ({
  metadata: { uid: `event-${index}` },
  eventTime: '2026-01-01T00:00:00.000000Z',
  type: 'Normal',
  reason: 'Available',
  note: `event number ${index}`,
  regarding: { kind: 'VMSnapshot', name: 'first' },
});
const many = observation({
  snapshots: [snapshot('first', 'Available', 'True'), snapshot('second', 'Provisioning')],
  copies: [copy('first-copy', [100, 50])],
  events: Array.from({ length: 50 }, (_, index) => event(index)),
});

describe('frame', () => {
  it('tells below its head what happened backstage, and of nothing where nothing did', () => {
    const notice = 'the operator was ended by SIGKILL; another one carries on';
    const lines = frame(many, { ...options, notice });
    expect(lines[2]).toBe(notice);
    expect(lines.toSpliced(2, 1).slice(0, 8)).toEqual(frame(many, options).slice(0, 8));
  });

  it('says of each object whether it is ready, on its way or failed', () => {
    const snapshots = [
      snapshot('first', 'Available', 'True'),
      snapshot('second', 'Provisioning'),
      snapshot('third', 'SourceNotFound'),
      snapshot('fourth'),
    ];
    const lines = frame(observation({ snapshots }), options);
    expect(lines.find((line) => line.includes('first'))).toMatch(/^\+ first +Available/);
    expect(lines.find((line) => line.includes('second'))).toMatch(
      /^~ second +Provisioning +Provisioning it is/,
    );
    expect(lines.find((line) => line.includes('third'))).toMatch(/^x third +SourceNotFound/);
    expect(lines.find((line) => line.includes('fourth'))).toMatch(/^~ fourth +not seen yet/);
  });

  it('shows a copy disk by disk, with what is left', () => {
    const lines = frame(many, options);
    expect(lines.find((line) => line.includes('first-copy'))).toContain('to northeurope, about 0:30 left');
    expect(lines.find((line) => line.includes('all disks'))).toMatch(/#+\.+ {2}75 % +60 GiB/);
    expect(lines.find((line) => line.includes('disk-0'))).toMatch(/#+ 100 % /);
    expect(lines.find((line) => line.includes('disk-1'))).toMatch(/#+\.+ {2}50 % /);
  });

  it.each([
    [200, 60],
    [100, 40],
    [80, 24],
    [60, 12],
    [40, 5],
  ])('stays within %i columns and %i rows', (columns, rows) => {
    const lines = frame(many, { ...options, columns, rows });
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(columns);
  });

  it('counts what is ready where there is no room for all, so that what moves is seen', () => {
    const ready = Array.from({ length: 20 }, (_, index) => snapshot(`ready-${index}`, 'Available', 'True'));
    const crowded = observation({
      snapshots: [...ready, snapshot('moving', 'Provisioning')],
      copies: [copy('first-copy', [100, 50])],
      events: [event(1)],
    });
    expect(frame(crowded, options)).toContain('SNAPSHOTS');
    const lines = frame(crowded, { ...options, rows: 12 });
    expect(lines).toContain('SNAPSHOTS  20 of 21 ready');
    expect(lines.some((line) => line.includes('ready-1'))).toBe(false);
    expect(lines.some((line) => line.includes('moving'))).toBe(true);
    expect(lines.some((line) => line.includes('disk-1'))).toBe(true);
    const fewest = frame(crowded, { ...options, rows: 6 });
    expect(fewest.some((line) => line.includes('disk-1'))).toBe(false);
    expect(fewest.at(-1)).toContain('first-copy');
  });

  it('shows the last events, as many as there is room for', () => {
    const lines = frame(many, { ...options, rows: 20 });
    expect(lines.at(-1)).toContain('event number 49');
    expect(lines.some((line) => line.includes('event number 0'))).toBe(false);
  });
});
