import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import {
  type AddressInfo,
  connect,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import type { TLSSocket } from 'node:tls';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../../test/simulators/common/tls.ts';
import { createClientCertificate } from '../../test/simulators/spf/client-certificates.ts';
import {
  type HttpRequest,
  type HttpResult,
  parseJSON,
  splitURL,
  Transport,
  type TransportOptions,
  vendorText,
} from './http.ts';

let authority: CertificateAuthority;
let certificate: ServerCertificate;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  authority = await createCertificateAuthority('Test CA');
  certificate = await authority.issue(['127.0.0.1', 'localhost']);
});
beforeEach(() => {
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy']) {
    vi.stubEnv(name, undefined);
  }
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function listen(server: Server | NetServer, secure = true): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function transportOf(options: Partial<TransportOptions> = {}): Transport {
  const transport = new Transport({
    tls: { caBundle: authority.certificatePem },
    maxConnections: 2,
    monotonic: () => performance.now(),
    ...options,
  });
  closing.push(() => transport.close());
  return transport;
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url, headers: {}, timeoutMs: 5_000, ...more };
}

function failureOf(result: HttpResult) {
  if (result.ok) throw new Error(`answered ${result.response.status}`);
  return result.failure;
}

test('path and query go out byte for byte', async () => {
  const seen: (string | undefined)[] = [];
  const url = await listen(
    createServer(certificate, (request, response) => response.end(seen.push(request.url) && '')),
  );
  const target = "/A/%2f/..//b;c?s=%3d%3D&a='b'&&=|{}\"<>`^+~\\&x=a/b:c@d,e!$()*";
  expect((await transportOf().send(get(`${url}${target}`))).ok).toBe(true);
  expect(seen).toEqual([target]);
});

test('connections are kept and used again, and there are never more than allowed', async () => {
  const server = createServer(certificate, (_request, response) => response.end('{}'));
  let connections = 0;
  server.on('secureConnection', () => connections++);
  const url = await listen(server);
  const transport = transportOf();
  for (let sent = 0; sent < 5; sent++) expect((await transport.send(get(url))).ok).toBe(true);
  expect(connections).toBeLessThanOrEqual(2);
});

test('headers that repeat are lists, and a byte order mark is taken away', async () => {
  const url = await listen(
    createServer(certificate, (_request, response) => {
      response.setHeader('X-Quota', ['a', 'b']);
      response.end('\ufeff{"a":1}');
    }),
  );
  const result = await transportOf().send(get(url));
  expect(result).toMatchObject({
    ok: true,
    response: { status: 200, headers: { 'x-quota': ['a', 'b'] }, body: '{"a":1}' },
  });
});

describe('nothing was sent', () => {
  test('to a port that is closed', async () => {
    const failure = failureOf(await transportOf().send(get('https://127.0.0.1:1/')));
    expect(failure).toMatchObject({ sent: false, error: { code: 'ECONNREFUSED' } });
    expect(failure.error.message).toContain('127.0.0.1:1');
  });

  test('to a name that cannot be resolved', async () => {
    // Longer than a label may be, so that no resolver is asked.
    const host = `${'no-such-host'.repeat(6)}.invalid`;
    const failure = failureOf(await transportOf().send(get(`https://${host}/`)));
    expect(failure).toMatchObject({
      sent: false,
      error: { message: expect.stringContaining(host) },
    });
  });

  test('to what is no URL', async () => {
    for (const url of ['', 'ftp://x/', 'https://u:p@x/', 'https://x/#f', 'https://x/a b', 'https://x/ü']) {
      expect(failureOf(await transportOf().send(get(url)))).toMatchObject({
        sent: false,
        error: { code: 'InvalidURL' },
      });
    }
  });

  test('by a caller who had given up', async () => {
    const signal = AbortSignal.abort();
    expect(failureOf(await transportOf().send(get('https://127.0.0.1:1/', { signal })))).toMatchObject({
      sent: false,
      cause: 'Aborted',
    });
  });

  test('over a connection that does not come about in time', async () => {
    const url = await listen(createNetServer(() => {}));
    const transport = transportOf({ connectTimeoutMs: 100 });
    expect(failureOf(await transport.send(get(url)))).toMatchObject({ sent: false });
    expect(failureOf(await transport.send(get(url, { timeoutMs: 50 })))).toMatchObject({
      sent: false,
      error: { code: 'Timeout' },
    });
  });

  test('after the send window, though there was time when the connection was begun', async () => {
    let requests = 0;
    const server = createServer(certificate, (_request, response) => response.end(String(requests++)));
    const url = await listen(server);
    let now = 0;
    const transport = transportOf({ monotonic: () => now });
    server.on('connection', () => {
      now = 10;
    });
    const request = get(url, { method: 'PUT', body: '{}', sendBefore: 5 });
    expect(failureOf(await transport.send(request))).toMatchObject({ sent: false, cause: 'TooLate' });
    expect(requests).toBe(0);
    expect((await transport.send({ ...request, sendBefore: 15 })).ok).toBe(true);
  });
});

describe('something may have been sent', () => {
  test.each([
    ['the connection is closed before the answer', (socket: { destroy(): void }) => socket.destroy()],
    ['no answer comes', () => {}],
  ])('when %s', async (_what, act) => {
    let requests = 0;
    const url = await listen(
      createServer(certificate, (request) => {
        requests++;
        act(request.socket);
      }),
    );
    const request = get(url, { method: 'PUT', body: '{}', timeoutMs: 300 });
    expect(failureOf(await transportOf().send(request))).toMatchObject({ sent: true });
    expect(requests).toBe(1);
  });

  test('when the body breaks off, which is told with its status', async () => {
    const url = await listen(
      createServer(certificate, (_request, response) => {
        response.writeHead(201, { 'content-length': 10 });
        response.write('12345', () => response.destroy());
      }),
    );
    expect(failureOf(await transportOf().send(get(url)))).toMatchObject({ sent: true });
  });

  test('when the answer is larger than what is read', async () => {
    const url = await listen(
      createServer(certificate, (_request, response) => {
        const chunk = Buffer.alloc(1024 * 1024);
        const write = () => {
          while (!response.destroyed && response.write(chunk));
        };
        response.on('drain', write);
        response.on('error', () => {});
        write();
      }),
    );
    expect(failureOf(await transportOf().send(get(url)))).toMatchObject({
      sent: true,
      error: { code: 'AnswerTooLarge', status: 200 },
    });
  });

  test('when the caller gives up', async () => {
    const controller = new AbortController();
    const url = await listen(createServer(certificate, () => controller.abort()));
    expect(failureOf(await transportOf().send(get(url, { signal: controller.signal })))).toMatchObject({
      sent: true,
      cause: 'Aborted',
    });
  });
});

test('a redirect is an answer, and not followed', async () => {
  let requests = 0;
  const url = await listen(
    createServer(certificate, (_request, response) => {
      requests++;
      response.writeHead(307, { location: '/elsewhere' }).end();
    }),
  );
  expect(await transportOf().send(get(url))).toMatchObject({ ok: true, response: { status: 307 } });
  expect(requests).toBe(1);
});

describe('a certificate', () => {
  const serve = (served: ServerCertificate) =>
    listen(createServer(served, (_request, response) => response.end('')));

  test('of an authority that is not known says which host and what to set', async () => {
    const url = await serve(certificate);
    const failure = failureOf(await transportOf({ tls: {} }).send(get(url)));
    expect(failure.sent).toBe(false);
    expect(failure.error.message).toContain(url.slice('https://'.length));
    expect(failure.error.message).toContain('spec.tls.caBundle or spec.tls.caSecretRef');
  });

  test('for another name', async () => {
    const url = await serve(await authority.issue(['management.example']));
    const failure = failureOf(await transportOf().send(get(url.replace('127.0.0.1', 'localhost'))));
    expect(failure).toMatchObject({ sent: false, error: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
    expect(failure.error.message).toContain('is for other names');
    expect(failure.error.message).toContain('management.example');
  });

  test('that has expired', async () => {
    const { caPem, expired } = await expiredCertificate();
    const failure = failureOf(
      await transportOf({ tls: { caBundle: caPem } }).send(get(await serve(expired))),
    );
    expect(failure).toMatchObject({ sent: false, error: { code: 'CERT_HAS_EXPIRED' } });
    expect(failure.error.message).toContain('has expired');
  });

  test.each(['', 'nonsense', '-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----'])(
    'cannot be trusted by the CA bundle %j',
    (caBundle) => {
      expect(() => transportOf({ tls: { caBundle } })).toThrow(TypeError);
    },
  );

  test('is not looked at when that is wanted', async () => {
    const transport = transportOf({ tls: { insecureSkipVerify: true } });
    expect((await transport.send(get(await serve(await authority.issue(['other.example']))))).ok).toBe(true);
  });
});

test('MERGE, which no standard knows, goes out with its body', async () => {
  let seen = '';
  const url = await listen(
    createServer(certificate, async (request, response) => {
      for await (const chunk of request) seen += `${request.method} ${chunk}`;
      response.writeHead(204).end();
    }),
  );
  const result = await transportOf().send(get(url, { method: 'MERGE', body: '{}' }));
  expect(result).toMatchObject({ ok: true, response: { status: 204 } });
  expect(seen).toBe('MERGE {}');
});

describe('a client certificate', () => {
  test('is shown to the server', async () => {
    const own = await createClientCertificate('keyframe');
    const url = await listen(
      createServer({ ...certificate, requestCert: true, rejectUnauthorized: false }, (request, response) =>
        response.end((request.socket as TLSSocket).getPeerCertificate().subject?.CN),
      ),
    );
    const clientCertificate = { certificate: own.cert, key: own.key };
    expect(await transportOf({ clientCertificate }).send(get(url))).toMatchObject({
      response: { body: 'keyframe' },
    });
    expect(await transportOf().send(get(url))).toMatchObject({ response: { body: '' } });
  });

  test('is refused, without a word of the key, when it cannot be one', async () => {
    const [own, other] = await Promise.all([createClientCertificate('a'), createClientCertificate('b')]);
    for (const clientCertificate of [
      { certificate: own.cert, key: other.key },
      { certificate: 'nonsense', key: own.key },
      { certificate: own.cert, key: 'nonsense' },
    ]) {
      expect(() => transportOf({ clientCertificate })).toThrow(/^the client certificate must be a PEM/);
    }
  });
});

describe('a pinned transport', () => {
  /** Counts connections; answers which one a request came over, and ends it after a request for /end. */
  async function startCounting(): Promise<{ url: string; connections: () => number }> {
    const numbers = new Map<Socket, number>();
    const server = createServer(certificate, (request, response) => {
      response.end(`${numbers.get(request.socket)} ${request.httpVersion}`, () => {
        if (request.url === '/end') request.socket.destroy();
      });
    });
    server.on('secureConnection', (socket) => numbers.set(socket, numbers.size + 1));
    return { url: await listen(server), connections: () => numbers.size };
  }

  test('sends everything over one connection, of which it has the certificate', async () => {
    const { url } = await startCounting();
    const transport = transportOf({ pinned: true, maxConnections: 8 });
    expect(transport.connection).toBeUndefined();
    const answers = await Promise.all(Array.from({ length: 4 }, () => transport.send(get(url))));
    expect(answers.map((one) => one.ok && one.response.body)).toEqual(Array(4).fill('1 1.1'));
    expect(transport.connection?.serverCertificate).toEqual(new X509Certificate(certificate.cert).raw);
  });

  test.each(['straight', 'through a proxy'])('keeps a request to its connection, %s', async (way) => {
    if (way === 'through a proxy') vi.stubEnv('HTTPS_PROXY', (await startProxy()).url);
    const { url, connections } = await startCounting();
    const transport = transportOf({ pinned: true });
    expect(await transport.send(get(url))).toMatchObject({ response: { body: '1 1.1' } });
    const { connection } = transport;
    if (connection === undefined) throw new Error('there is no connection');
    expect(connection.serverCertificate).toEqual(new X509Certificate(certificate.cert).raw);
    expect(await transport.send(get(`${url}/end`, { connection }))).toMatchObject({ ok: true });
    await vi.waitFor(() => expect(transport.connection).toBeUndefined());
    const write = get(url, { method: 'POST', body: '{}', connection });
    expect(failureOf(await transport.send(write))).toMatchObject({ sent: false, cause: 'ConnectionGone' });
    expect(await transport.send(get(url))).toMatchObject({ response: { body: '2 1.1' } });
    expect(transport.connection).not.toBe(connection);
    expect(connections()).toBe(2);
  });
});

describe('a proxy', () => {
  test('is taken from the environment, with the CA bundle and the send window', async () => {
    const proxy = await startProxy();
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    let now = 0;
    const server = createServer(certificate, (_request, response) => response.end('{}'));
    server.on('connection', () => {
      now = 10;
    });
    const url = await listen(server);
    const transport = transportOf({ monotonic: () => now });
    expect(failureOf(await transport.send(get(url, { sendBefore: 5 })))).toMatchObject({
      sent: false,
      cause: 'TooLate',
    });
    expect((await transport.send(get(url))).ok).toBe(true);
    expect(proxy.tunnels[0]).toBe(url.slice('https://'.length));
    const failure = failureOf(await transportOf({ tls: {} }).send(get(url)));
    expect(failure).toMatchObject({
      sent: false,
      error: { message: expect.stringContaining('spec.tls.caBundle') },
    });
  });

  test('is left aside for NO_PROXY and for direct transports', async () => {
    const proxy = await startProxy();
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    const url = await listen(createServer(certificate, (_request, response) => response.end('{}')));
    expect((await transportOf({ direct: true }).send(get(url))).ok).toBe(true);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    expect((await transportOf().send(get(url))).ok).toBe(true);
    expect(proxy.tunnels).toEqual([]);
  });

  test('that refuses means that nothing was sent', async () => {
    const proxy = createHttpServer();
    proxy.on('connect', (_request, client) => client.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    vi.stubEnv('HTTPS_PROXY', await listen(proxy, false));
    expect(failureOf(await transportOf().send(get('https://management.example/')))).toMatchObject({
      sent: false,
    });
  });

  test('by HTTP_PROXY is not meant for https', async () => {
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    const url = await listen(createServer(certificate, (_request, response) => response.end('{}')));
    expect((await transportOf().send(get(url))).ok).toBe(true);
  });
});

describe('a URL', () => {
  test.each([
    ['https://A.Example:443/x?y', { origin: 'https://a.example', target: '/x?y' }],
    ['https://a.example', { origin: 'https://a.example', target: '/' }],
    ['https://a.example:8443/', { origin: 'https://a.example:8443', target: '/' }],
    ['http://a.example:80/', { origin: 'http://a.example', target: '/' }],
    ['https://[::1]:8443/x', { origin: 'https://[::1]:8443', target: '/x' }],
    ['https://a.example\\@b.example/', undefined],
    ['https://a.example?x', undefined],
    ['//a.example/', undefined],
    ['https://a.example/\r\nx', undefined],
  ])('%j', (url, expected) => {
    expect(splitURL(url)).toEqual(expected);
  });

  test('that seems to be at a host is there for the URL class, too', () => {
    const text = fc.string({ unit: fc.constantFrom(...'a.:@/\\?#[]%&=-_\t\n ~é;443') });
    fc.assert(
      fc.property(text, text, (before, after) => {
        for (const url of [`https://a.example${after}`, `https://${before}a.example${after}`]) {
          if (splitURL(url)?.origin === 'https://a.example')
            expect(new URL(url).origin).toBe('https://a.example');
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

test('JSON is read, or is undefined', () => {
  expect(parseJSON('{"a":[1]}')).toEqual({ a: [1] });
  expect(parseJSON('')).toBeUndefined();
  expect(parseJSON('<html>')).toBeUndefined();
  fc.assert(fc.property(fc.string(), (text) => void parseJSON(text)));
});

test('a vendor text is one line, and cut', () => {
  expect(vendorText('a\r\n\tb ')).toBe('a b');
  expect(vendorText('x'.repeat(5_000))).toHaveLength(1_024);
});

/** A proxy that tunnels, and remembers where to. */
async function startProxy(): Promise<{ url: string; tunnels: string[] }> {
  const tunnels: string[] = [];
  const proxy = createHttpServer();
  proxy.on('connect', (request, client) => {
    tunnels.push(request.url ?? '');
    const [host, port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  return { url: await listen(proxy, false), tunnels };
}

/** An authority and a certificate of it that ended yesterday. */
async function expiredCertificate(): Promise<{ caPem: string; expired: ServerCertificate }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
  const makeKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const day = 86_400_000;
  const keys = await makeKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Old CA',
    notBefore: new Date(Date.now() - 9 * day),
    notAfter: new Date(Date.now() + 9 * day),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  const serverKeys = await makeKeys();
  const server = await x509.X509CertificateGenerator.create({
    subject: 'CN=127.0.0.1',
    issuer: ca.subject,
    notBefore: new Date(Date.now() - 8 * day),
    notAfter: new Date(Date.now() - day),
    publicKey: serverKeys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
  });
  const key = x509.PemConverter.encode(
    await webcrypto.subtle.exportKey('pkcs8', serverKeys.privateKey),
    'PRIVATE KEY',
  );
  return { caPem: ca.toString('pem'), expired: { key, cert: server.toString('pem') } };
}
