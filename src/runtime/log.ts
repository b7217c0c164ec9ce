import pino, { type DestinationStream, type Logger as PinoLogger } from 'pino';
import { textStream } from './log-text.ts';
import { redactText, redactValue } from './redact.ts';
import { traceFields } from './tracing.ts';

/** What is written with a message: plain values, and `err` for an error. */
export type LogFields = Record<string, unknown>;

/** A structured logger. Secrets are taken out of messages, fields and errors before anything is written. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to everything, for example `{controller, object}`. */
  child(fields: LogFields): Logger;
}

/** How a logger is made. */
export interface LogOptions {
  level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** `json` for machines (the default), `text` for people. */
  format?: 'json' | 'text';
  /** Where the lines go; standard output when left out. */
  destination?: { write(line: string): void };
}

/** Makes the process's logger. */
export function createLogger(options: LogOptions = {}): Logger {
  const target = options.destination ?? process.stdout;
  const destination: DestinationStream = options.format === 'text' ? textStream(target) : target;
  return wrap(
    pino(
      {
        level: options.level ?? 'info',
        base: null,
        messageKey: 'message',
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (level) => ({ level }) },
        // Which trace a line belongs to, where there is one.
        mixin: () => traceFields(),
      },
      destination,
    ),
  );
}

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

function wrap(target: PinoLogger): Logger {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}) => {
      // Redaction is not free, so nothing is prepared for a level that is off.
      if (target.isLevelEnabled(level)) target[level](redactValue(fields) as LogFields, redactText(message));
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => wrap(target.child(redactValue(fields) as LogFields)),
  };
}
