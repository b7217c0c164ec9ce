import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import type { KubeConnection, TlsOptions } from './connection.ts';

/** Where the kubelet mounts the service account. */
export const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The kubelet renews the files long before a token expires; client-go reads them once a minute too. */
const rereadMs = 60_000;

/** What a test may replace. */
export interface InClusterOptions {
  env?: NodeJS.ProcessEnv;
  directory?: string;
  clock?: Clock;
}

/**
 * The connection of a pod, by its mounted service account. Throws when the environment variables are missing or
 * the files cannot be read.
 */
export async function inClusterConnection(options: InClusterOptions = {}): Promise<KubeConnection> {
  const { env = process.env, directory = serviceAccountDirectory, clock = systemClock } = options;
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  if (!host || !port) {
    throw new Error('not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set');
  }
  const files = new ServiceAccountFiles(directory, clock);
  await files.load();
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace: (await readText(join(directory, 'namespace'))) || 'default',
    get tls() {
      return files.tls;
    },
    async authorize(headers) {
      await files.load();
      headers.authorization = `Bearer ${files.token}`;
    },
    async refresh() {
      files.expire();
    },
  };
}

/** Token and CA as read last. */
class ServiceAccountFiles {
  token = '';
  tls: TlsOptions = {};
  readonly #directory: string;
  readonly #clock: Clock;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  expire(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /** Reads the files when they are due; callers at the same time share one reading. */
  async load(): Promise<void> {
    if (this.#clock.monotonic() - this.#readAt < rereadMs) return;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      const token = await readText(join(this.#directory, 'token'));
      const ca = await readText(join(this.#directory, 'ca.crt'));
      if (token === '') throw new Error(`${join(this.#directory, 'token')} is empty`);
      this.token = token;
      // A new object means new connections, so only for a CA that did change.
      if (this.tls.ca !== ca) this.tls = { ca };
    } catch (error) {
      // A file in the middle of its renewal: the token in hand is still the best one.
      if (this.token === '') throw error;
    }
    this.#readAt = this.#clock.monotonic();
  }
}

async function readText(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).trim();
}
