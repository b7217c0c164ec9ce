import type { ConnectionOptions } from 'node:tls';

/** What the transport hands to TLS. */
export type TlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;

/** Where the API server is and how this process shows who it is. */
export interface KubeConnection {
  /** Base URL without a trailing slash. */
  readonly server: string;
  /** Namespace of this process, or of the kubeconfig's context. */
  readonly namespace: string;
  /** `http:`, `https:` or `socks5:` URL of a proxy on the way; undefined for none. */
  readonly proxy?: string | undefined;
  /** Current TLS material. Replaced by a new object when a certificate or CA was renewed: new connections are needed then. */
  readonly tls: TlsOptions;
  /** Adds the credentials to the headers of one request. */
  authorize(headers: Record<string, string>): Promise<void>;
  /** Drops cached credentials after a 401, so that the next `authorize` reads them anew. */
  refresh(): Promise<void>;
}

/** A connection whose credentials never change: for tests and tools. */
export function staticConnection(options: {
  server: string;
  tls?: TlsOptions;
  token?: string;
  namespace?: string;
}): KubeConnection {
  return {
    server: options.server.replace(/\/+$/, ''),
    namespace: options.namespace ?? 'default',
    tls: options.tls ?? {},
    async authorize(headers) {
      if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`;
    },
    async refresh() {},
  };
}
