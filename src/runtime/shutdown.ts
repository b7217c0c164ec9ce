import { type Clock, systemClock } from './clock.ts';
import type { Logger } from './log.ts';

/** How a process ends. */
export interface ShutdownOptions {
  log: Logger;
  /** Ends the work: stop taking keys, wait for what is in flight, give the lease back. */
  stop: () => Promise<void>;
  /** Longest graceful end in milliseconds; keep it below the pod's terminationGracePeriodSeconds. */
  limitMs: number;
  clock?: Clock;
  /** The process; a test gives something smaller. */
  target?: Pick<NodeJS.Process, 'on' | 'off' | 'exit'>;
}

/** Ends the process, see {@link handleShutdown}. */
export interface Shutdown {
  /** Begins a graceful end, as SIGTERM does, with this exit code. */
  begin(why: string, exitCode: number): void;
  /** Takes the handlers away. */
  dispose(): void;
}

/**
 * Ends the process in good order: the first SIGTERM or SIGINT begins a graceful end, the second one ends it at
 * once, and so does the limit. A rejection or an exception that nobody handled is logged and ends it with 1:
 * what state it left is not known, and a restart is always safe.
 */
export function handleShutdown(options: ShutdownOptions): Shutdown {
  const { log, limitMs, clock = systemClock } = options;
  const target = options.target ?? process;
  let ending = false;

  const begin = (why: string, exitCode: number) => {
    if (ending) {
      log.warn('ending at once', { why });
      target.exit(exitCode || 1);
      return;
    }
    ending = true;
    log.info('shutting down', { why, limitMs });
    const cancel = clock.setTimer(limitMs, () => {
      log.error('the graceful end took too long, ending at once', { limitMs });
      target.exit(exitCode || 1);
    });
    Promise.resolve()
      .then(options.stop)
      .then(
        () => exitCode,
        (error: unknown) => {
          log.error('the graceful end failed', { err: error });
          return exitCode || 1;
        },
      )
      .then((code) => {
        cancel();
        target.exit(code);
      });
  };
  const onSignal = (signal: NodeJS.Signals) => begin(signal, 0);
  const onFatal = (error: unknown) => {
    log.error('unhandled failure, ending', { err: error });
    target.exit(1);
  };
  target.on('SIGTERM', onSignal);
  target.on('SIGINT', onSignal);
  target.on('unhandledRejection', onFatal);
  target.on('uncaughtException', onFatal);
  return {
    begin,
    dispose() {
      target.off('SIGTERM', onSignal);
      target.off('SIGINT', onSignal);
      target.off('unhandledRejection', onFatal);
      target.off('uncaughtException', onFatal);
    },
  };
}
