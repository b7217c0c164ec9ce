import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { type Clock, systemClock } from '../clock.ts';
import type { KubeConnection, TlsOptions } from './connection.ts';

/** Which kubeconfig, and which of its contexts. */
export interface KubeconfigOptions {
  /** Path of the file; KUBECONFIG, then the file in the home directory, when left out. */
  path?: string | undefined;
  /** Name of the context; the current one when left out. */
  context?: string | undefined;
  clock?: Clock;
}

/** How long credentials are used before the kubeconfig's authenticators are asked again. They look at expiry themselves. */
const askAgainMs = 30_000;
/** A credential plugin that does not answer must not stop everything for ever. */
const askTimeoutMs = 60_000;

interface Credentials {
  tls: TlsOptions;
  headers: Record<string, string>;
}

/**
 * A connection by kubeconfig: certificates, tokens, exec plugins, OIDC, basic authentication. Throws when the
 * file cannot be read or names no such context.
 *
 * @kubernetes/client-node does the reading. It costs 70 MiB of memory, so it is only loaded here, where the
 * operator runs outside of a cluster.
 */
export async function kubeconfigConnection(options: KubeconfigOptions = {}): Promise<KubeConnection> {
  const clock = options.clock ?? systemClock;
  let config = await load(options);
  let credentials = await ask(config, undefined, clock);
  let askedAt = clock.monotonic();
  let asking: Promise<void> | undefined;

  const renew = async () => {
    credentials = await ask(config, credentials, clock);
    askedAt = clock.monotonic();
  };
  const cluster = config.getCurrentCluster();
  const server = cluster?.server ?? '';
  return {
    server: server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    proxy: cluster?.proxyUrl || undefined,
    get tls() {
      return credentials.tls;
    },
    async authorize(headers) {
      if (clock.monotonic() - askedAt >= askAgainMs) {
        asking ??= renew().finally(() => {
          asking = undefined;
        });
        await asking;
      }
      Object.assign(headers, credentials.headers);
    },
    async refresh() {
      // A new KubeConfig, since the old one keeps an exec plugin's token that names no expiry for ever.
      config = await load(options);
      askedAt = Number.NEGATIVE_INFINITY;
    },
  };
}

async function load(options: KubeconfigOptions): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (options.path === undefined) config.loadFromDefault();
  else config.loadFromFile(options.path);
  // What the library makes up when it finds no file.
  if (config.getCurrentContext() === 'loaded-context') {
    throw new Error(
      'no API server found: this is not a pod, and there is no kubeconfig; name one by --kubeconfig or KUBECONFIG',
    );
  }
  if (options.context !== undefined) config.setCurrentContext(options.context);
  const context = config.getCurrentContext();
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    const known = config.getContexts().map((each) => each.name);
    throw new Error(
      `kubeconfig: context ${JSON.stringify(context ?? '')} does not name a known cluster; there is: ${known.join(', ') || 'no context'}`,
    );
  }
  if (!/^https?:\/\//.test(cluster.server)) {
    throw new Error(`kubeconfig: cluster ${cluster.name} has no http or https server address`);
  }
  return config;
}

/** Lets the authenticators fill in what a request needs. Keeps the TLS object when nothing in it has changed. */
async function ask(config: KubeConfig, before: Credentials | undefined, clock: Clock): Promise<Credentials> {
  const request: RequestOptions = { headers: {} };
  // The library builds an agent of its own on the way, which refuses plain http unless told so; we use neither.
  const cluster = config.getCurrentCluster();
  if (cluster?.server.startsWith('http://')) {
    const plain = { ...cluster, skipTLSVerify: true };
    config.clusters = config.clusters.map((each) => (each.name === cluster.name ? plain : each));
  }
  await within(config.applyToHTTPSOptions(request), clock);
  const tls: TlsOptions = {};
  if (request.ca !== undefined) tls.ca = request.ca;
  if (request.cert !== undefined) tls.cert = request.cert;
  if (request.key !== undefined) tls.key = request.key;
  if (request.servername !== undefined) tls.servername = request.servername;
  if (request.rejectUnauthorized !== undefined) tls.rejectUnauthorized = request.rejectUnauthorized;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (typeof value === 'string') headers[name.toLowerCase()] = value;
  }
  if (request.auth) headers.authorization = `Basic ${Buffer.from(request.auth).toString('base64')}`;
  const same = before !== undefined && fingerprint(before.tls) === fingerprint(tls);
  return { tls: same ? before.tls : tls, headers };
}

function fingerprint(tls: TlsOptions): string {
  return JSON.stringify([tls.ca, tls.cert, tls.key, tls.servername, tls.rejectUnauthorized].map(String));
}

async function within<T>(work: Promise<T>, clock: Clock): Promise<T> {
  let cancel = () => {};
  const limit = new Promise<never>((_, reject) => {
    cancel = clock.setTimer(askTimeoutMs, () =>
      reject(new Error(`the kubeconfig's credential plugin did not answer within ${askTimeoutMs} ms`)),
    );
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    cancel();
  }
}
