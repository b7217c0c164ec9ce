import { type ChildProcess, fork } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tickets } from './kerberos.ts';

/** A token in base64, or why there is none. */
export type TicketAnswer =
  | { token: string }
  /**
   * `Missing`: the package or MIT's library; `Unreachable`: the key distribution centre; `Refused`: by it, or for
   * want of what it needs here; `Aborted`: by the caller.
   */
  | { cause: 'Missing' | 'Unreachable' | 'Refused' | 'Aborted'; message: string };

/** What the process is asked, and what it answers. */
export interface TicketRequest {
  id: number;
  principal: string;
  service: string;
}
export type TicketReply = { id: number } & TicketAnswer;

/** A key distribution centre that is away is waited for by MIT's library, by far longer than this. */
const tokenTimeoutMs = 30_000;

/**
 * Fetches tokens in a process of its own, with its own keytab and its own cache of tickets. MIT's library knows its
 * keytab by the environment only, which the operator's process has one of: there, one provider could use another's
 * tickets. The process begins with the first token and ends with the provider.
 */
export class TicketProcess implements Tickets {
  readonly #principal: string;
  readonly #keytab: Uint8Array;
  readonly #waiting = new Map<number, (answer: TicketAnswer) => void>();
  #child: ChildProcess | undefined;
  #folder: string | undefined;
  #nextID = 1;

  /** Starts nothing yet. Throws a TypeError when the identity cannot be one. */
  constructor({ principal, keytab }: { principal: string; keytab: Uint8Array }) {
    if (!/^[\x21-\x7e]{1,256}$/.test(principal)) {
      throw new TypeError('the Kerberos principal must be a name such as user@REALM');
    }
    // The first byte of every version of the format, and the version.
    if (keytab.length < 4 || keytab[0] !== 5 || (keytab[1] !== 1 && keytab[1] !== 2)) {
      throw new TypeError("the keytab is none: it must be the file as kadmin's ktadd or ktpass writes it");
    }
    this.#principal = principal;
    this.#keytab = keytab;
  }

  token(service: string, signal?: AbortSignal): Promise<TicketAnswer> {
    if (signal?.aborted) return Promise.resolve(givenUp);
    return new Promise((resolve) => {
      const id = this.#nextID++;
      const settle = (answer: TicketAnswer) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#waiting.delete(id);
        resolve(answer);
      };
      const onAbort = () => settle(givenUp);
      const timer = setTimeout(() => {
        // What hangs once would hold up the next one, too.
        this.#end(`there was no answer within ${tokenTimeoutMs / 1000} s`);
      }, tokenTimeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(id, settle);
      try {
        const request: TicketRequest = { id, principal: this.#principal, service };
        this.#running().send(request);
      } catch (error) {
        settle({ cause: 'Missing', message: messageOf(error) });
      }
    });
  }

  async close(): Promise<void> {
    this.#end('the provider is closed');
  }

  #running(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    this.#folder ??= this.#keep();
    const folder = this.#folder;
    const script = import.meta.url.replace(/ticket-process(\.[jt]s)$/, 'ticket-main$1');
    const child = fork(fileURLToPath(script), [folder], {
      env: {
        ...settingsOfKerberos(),
        KRB5_CLIENT_KTNAME: `FILE:${join(folder, 'keytab')}`,
        KRB5CCNAME: 'MEMORY:keyframe',
      },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    // It must not keep a process alive that has nothing else to do.
    child.unref();
    child.channel?.unref();
    child.on('message', (reply: TicketReply) => {
      const { id, ...answer } = reply;
      this.#waiting.get(id)?.(answer);
    });
    const gone = (message: string) => {
      if (this.#child === child) this.#end(message);
    };
    child.on('error', (error) => gone(messageOf(error)));
    child.on('exit', (code, name) => gone(`the process that fetches tickets ended (${name ?? code})`));
    return child;
  }

  /** The keytab as a file that nobody else can read, in memory where there is such a place. */
  #keep(): string {
    const folder = mkdtempSync(join(memoryFolder(), `keyframe-krb5-${process.pid}-`));
    chmodSync(folder, 0o700);
    writeFileSync(join(folder, 'keytab'), this.#keytab, { mode: 0o600 });
    return folder;
  }

  #end(message: string): void {
    const child = this.#child;
    this.#child = undefined;
    if (child?.connected) child.disconnect();
    child?.kill('SIGKILL');
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
    for (const settle of [...this.#waiting.values()]) settle({ cause: 'Unreachable', message });
  }
}

const givenUp: TicketAnswer = {
  cause: 'Aborted',
  message: 'the call was given up here while it waited for a Kerberos ticket',
};

/** Only what finds the realm, and the libraries: no secret of the operator's environment. */
function settingsOfKerberos(): NodeJS.ProcessEnv {
  const names = ['KRB5_CONFIG', 'KRB5_TRACE', 'PATH', 'HOME', 'LD_LIBRARY_PATH', 'NODE_PATH'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

function memoryFolder(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
