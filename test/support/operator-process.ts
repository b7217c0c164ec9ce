import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Tests start many processes: what Node compiled for one serves the next. */
export const compileCache = join(tmpdir(), 'keyframe-compile-cache');

/** One line of the operator's log. */
export interface LogLine {
  level: string;
  message: string;
  [field: string]: unknown;
}

/** The operator in a process of its own, as it would run in a Pod. */
export class OperatorProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly log: LogLine[] = [];
  readonly #waiting: { matches: (line: LogLine) => boolean; found: (line: LogLine) => void }[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    // 'exit' may come before the last lines were read.
    this.#ended = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#read(line));
    }
  }

  /**
   * Starts it, and waits until it works.
   *
   * @param kubeconfig whose rights it has
   * @param program the file that is run; that of the operator unless told otherwise
   */
  static async start(
    kubeconfig: string,
    flags: string[],
    env: NodeJS.ProcessEnv = {},
    program = main,
  ): Promise<OperatorProcess> {
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        program,
        '--kubeconfig',
        kubeconfig,
        '--metrics-address=127.0.0.1:0',
        '--health-address=127.0.0.1:0',
        ...flags,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, NODE_COMPILE_CACHE: compileCache, ...env },
      },
    );
    const operator = new OperatorProcess(child);
    await operator.line((line) => line.message === 'caches are complete');
    return operator;
  }

  /** The first line, past or to come, of which something is true; rejects when the process ends before. */
  async line(matches: (line: LogLine) => boolean, deadlineMs = 60_000): Promise<LogLine> {
    const known = this.log.find(matches);
    if (known !== undefined) return known;
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
    this.#waiting.push({ matches, found: resolve });
    const fail = (why: string) => reject(new Error(`${why}; it said last:\n${this.tail()}`));
    const timer = setTimeout(() => fail(`the operator did not say so within ${deadlineMs} ms`), deadlineMs);
    this.#ended.then(() => fail('the operator ended'));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Where /metrics is. */
  get metricsURL(): string {
    const started = this.log.find((line) => line.message === 'keyframe starts');
    return `${String(started?.metrics)}/metrics`;
  }

  /** What /metrics answers. */
  async metrics(): Promise<string> {
    const answer = await fetch(this.metricsURL);
    if (!answer.ok) throw new Error(`${this.metricsURL} was answered with ${answer.status}`);
    return answer.text();
  }

  /** The last lines, for error messages. */
  tail(count = 20): string {
    return this.log
      .slice(-count)
      .map((line) => JSON.stringify(line))
      .join('\n');
  }

  /** SIGKILL: as a node that fails. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM: as a rolling update. Answers the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    return this.#child.exitCode;
  }

  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until it has ended by itself; rejects with its last words when it does not in time. */
  async ended(deadlineMs = 30_000): Promise<void> {
    const timer = Promise.withResolvers<never>();
    const timeout = setTimeout(() => {
      timer.reject(
        new Error(`the operator did not end within ${deadlineMs} ms; it said last:\n${this.tail()}`),
      );
    }, deadlineMs);
    try {
      await Promise.race([this.#ended, timer.promise]);
    } finally {
      clearTimeout(timeout);
    }
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) await this.kill();
  }

  #read(text: string): void {
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      line = { level: 'raw', message: text };
    }
    this.log.push(line);
    for (const waiter of this.#waiting.filter(({ matches }) => matches(line))) {
      waiter.found(line);
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
    }
  }
}
