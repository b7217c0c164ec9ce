import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../runtime/testing/fake-clock.ts';
import { turnOn } from './lane-view.ts';
import { hourlyWaitMs, Lanes } from './lanes.ts';
import { hours, minutes, now } from './testing/builders.ts';

describe('a lane', () => {
  it('is held by one run at a time, whoever asks, and free when that run lets it go', () => {
    const lanes = new Lanes(new FakeClock());
    const release = lanes.tryAcquire('vm', 'a');
    expect(lanes.tryAcquire('vm', 'b')).toBeUndefined();
    expect(lanes.tryAcquire('vm', 'a')).toBeUndefined();
    expect(lanes.tryAcquire('another vm', 'b')).toBeDefined();
    release?.();
    expect(lanes.tryAcquire('vm', 'b')).toBeDefined();
  });

  it('remembers what was sent for an hour, each attempt once', async () => {
    const clock = new FakeClock(now);
    const lanes = new Lanes(clock);
    lanes.recordSend('vm', 'first');
    await clock.advance(30 * minutes);
    lanes.recordSend('vm', 'second');
    expect([...lanes.sends('vm')]).toEqual([
      ['first', now],
      ['second', now + 30 * minutes],
    ]);
    await clock.advance(30 * minutes);
    expect([...lanes.sends('vm').keys()]).toEqual(['second']);
    expect(lanes.sends('another vm').size).toBe(0);
  });
});

describe('three an hour', () => {
  it.each<[string, number[], number]>([
    ['leave room at first', [], 0],
    ['leave room after two', [1 * minutes, 2 * minutes], 0],
    [
      'are enough: the next waits until the oldest of them is an hour old',
      [10, 20, 30].map((m) => m * minutes),
      30 * minutes + 1_000,
    ],
    ['count the latest three of more', [10, 20, 30, 40].map((m) => m * minutes), 30 * minutes + 1_000],
    ['do not count what is an hour old', [10 * minutes, 20 * minutes, hours], 0],
  ])('%s', (_sentence, ages, waitMs) => {
    expect(
      hourlyWaitMs(
        ages.map((age) => now - age),
        now,
      ),
    ).toBe(waitMs);
  });

  it('are never exceeded in any hour by whoever waits as told', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 * hours }), { maxLength: 20 }), (pauses) => {
        const sent: number[] = [];
        let time = now;
        for (const pause of pauses) {
          time += pause;
          time += hourlyWaitMs(sent, time);
          expect(sent.filter((at) => time - at < hours).length).toBeLessThan(3);
          sent.push(time);
        }
      }),
    );
  });
});

describe('the turn on a lane', () => {
  const full = [10, 20, 30].map((m) => now - m * minutes);
  it.each([
    ['comes when nobody is at work, nobody is ahead and there is room', { sends: [] }, undefined],
    [
      'waits for who is at work',
      { busy: 'VMSnapshot a', ahead: 'VMSnapshot b', sends: full },
      'one at a time on VM x: VMSnapshot a is at work',
    ],
    [
      'waits for who comes first',
      { ahead: 'VMSnapshot b', sends: full },
      'one at a time on VM x: VMSnapshot b comes first',
    ],
    [
      'waits for the hourly limit',
      { sends: full },
      'Azure takes three an hour on VM x; the next can go at 2026-01-01T12:30Z',
    ],
  ])('%s', (_sentence, view, message) => {
    expect(turnOn(view, now, 'VM x')?.wait.message).toBe(message);
  });

  it('is looked for again when the limit lets the next one through', () => {
    expect(turnOn({ sends: full }, now, 'x')?.requeueAfterMs).toBe(30 * minutes + 1_000);
  });
});
