import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { silentLogger } from './log.ts';
import { handleShutdown, type ShutdownOptions } from './shutdown.ts';
import { FakeClock } from './testing/fake-clock.ts';

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

function setUp(stop: () => Promise<void>) {
  const clock = new FakeClock();
  const target = new FakeProcess();
  const shutdown = handleShutdown({
    log: silentLogger,
    stop,
    limitMs: 20_000,
    clock,
    target: target as unknown as NonNullable<ShutdownOptions['target']>,
  });
  return { clock, target, shutdown };
}

describe('shutdown', () => {
  it.each(['SIGTERM', 'SIGINT'])('ends gracefully with 0 on %s', async (signal) => {
    let stopped = 0;
    const { clock, target } = setUp(async () => {
      stopped++;
    });
    target.emit(signal, signal);
    await clock.advance(1);
    expect([stopped, target.exits, clock.armed]).toEqual([1, [0], 0]);
  });

  it('ends at once on the second signal', async () => {
    const { clock, target } = setUp(() => new Promise(() => undefined));
    target.emit('SIGTERM', 'SIGTERM');
    await clock.advance(1_000);
    expect(target.exits).toEqual([]);
    target.emit('SIGINT', 'SIGINT');
    expect(target.exits).toEqual([1]);
  });

  it('ends at the limit', async () => {
    const { clock, target } = setUp(() => new Promise(() => undefined));
    target.emit('SIGTERM', 'SIGTERM');
    await clock.advance(20_000);
    expect(target.exits).toEqual([1]);
  });

  it('ends with 1 when the graceful end fails', async () => {
    const { clock, target } = setUp(async () => {
      throw new Error('no');
    });
    target.emit('SIGTERM', 'SIGTERM');
    await clock.advance(1);
    expect(target.exits).toEqual([1]);
  });

  it('passes on the code of whoever began it', async () => {
    const { clock, target, shutdown } = setUp(async () => undefined);
    shutdown.begin('leadership lost', 1);
    await clock.advance(1);
    expect(target.exits).toEqual([1]);
  });

  it.each(['unhandledRejection', 'uncaughtException'])('ends at once with 1 on %s', (event) => {
    const { target } = setUp(() => new Promise(() => undefined));
    target.emit(event, new Error('a bug'));
    expect(target.exits).toEqual([1]);
  });

  it('leaves the process alone once disposed', () => {
    const { target, shutdown } = setUp(async () => undefined);
    shutdown.dispose();
    expect(target.eventNames()).toEqual([]);
  });
});
