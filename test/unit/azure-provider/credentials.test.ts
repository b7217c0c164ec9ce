import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { createLogger } from '../../../src/runtime/log.ts';
import { read, write } from '../../support/provider-calls.ts';
import { type Bench, startBench } from './setup.ts';

let bench: Bench;
afterEach(async () => {
  vi.unstubAllEnvs();
  await bench[Symbol.asyncDispose]();
});

const tokens = () => bench.azure.counts().Authority_Token ?? 0;

test('one token serves many calls, also at once', async () => {
  bench = await startBench();
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => bench.provider.probe(read())));
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['Done']));
  expect(bench.azure.identity.issued).toHaveLength(1);
  expect(bench.azure.identity.issued[0]?.audience).toBe(`${bench.azure.resourceManagerUrl}/`);
});

test('a token is renewed before it expires', async () => {
  bench = await startBench({ tokenLifetimeSeconds: 4 });
  expect((await bench.provider.probe(read())).kind).toBe('Done');
  await vi.waitFor(async () => {
    expect((await bench.provider.probe(read())).kind).toBe('Done');
    expect(bench.azure.identity.issued.length).toBeGreaterThan(1);
  }, 20_000);
  expect(bench.azure.requests.filter(({ status }) => status === 401)).toEqual([]);
});

test('a refused token is replaced once, and the call goes on', async () => {
  let elapsed = 0;
  bench = await startBench({}, { monotonic: () => performance.now() + elapsed });
  await bench.provider.probe(read());
  elapsed = 60_000;
  bench.azure.identity.revokeTokens();
  expect((await bench.provider.probe(read())).kind).toBe('Done');
  expect(bench.azure.identity.issued).toHaveLength(2);
});

test('a fresh token that is refused is not fetched again and again', async () => {
  bench = await startBench();
  bench.azure.faults.add({ kind: 'token-expired' });
  for (let index = 0; index < 5; index++) {
    expect(await bench.provider.probe(read())).toMatchObject({
      kind: 'Denied',
      cause: 'Authentication',
      error: { code: 'ExpiredAuthenticationToken' },
    });
  }
  expect(bench.azure.identity.issued).toHaveLength(1);
});

test("a wrong secret is told in Entra's words, with the remedy and without the secret", async () => {
  bench = await startBench();
  const secret = 'wrong-secret-value';
  const lines: string[] = [];
  const provider = bench.connect({
    auth: { clientSecret: { clientID: bench.azure.clientId, secret } },
    log: createLogger({ level: 'debug', destination: { write: (line) => lines.push(line) } }),
  });
  const first = await provider.probe(read());
  expect(first).toMatchObject({
    kind: 'Denied',
    cause: 'Authentication',
    error: { code: 'AADSTS7000215', message: expect.stringContaining('value of a client secret') },
  });
  expect(JSON.stringify(first)).not.toMatch(/Trace ID|Timestamp/);
  const before = tokens();
  expect(await provider.probe(read())).toEqual(first);
  expect(tokens()).toBe(before);
  expect(JSON.stringify([first, lines])).not.toContain(secret);
});

test('a rotated secret works with the provider that is made from it', async () => {
  bench = await startBench();
  bench.azure.identity.rotateSecret(bench.azure.clientId, 'second-secret');
  expect(await bench.provider.probe(read())).toMatchObject({ kind: 'Denied' });
  const auth = { clientSecret: { clientID: bench.azure.clientId, secret: 'second-secret' } };
  expect((await bench.connect({ auth }).probe(read())).kind).toBe('Done');
});

test('an unknown tenant is told', async () => {
  bench = await startBench();
  const provider = bench.connect({ tenantID: '00000000-0000-0000-0000-000000000000' });
  expect(await provider.probe(read())).toMatchObject({
    kind: 'Denied',
    cause: 'Authentication',
    error: { code: 'AADSTS90002', message: expect.stringContaining('spec.azure.tenantID') },
  });
});

test('an authority that is down is Unavailable, and a write was not sent', async () => {
  bench = await startBench();
  bench.azure.faults.add({ operation: 'Authority_Token', kind: 'respond', status: 503, body: 'busy' });
  const outcome = await bench.provider.deleteCollection(bench.collection('c'), write());
  expect(outcome).toMatchObject({ kind: 'Unavailable' });
});

test('an authority that cannot be reached is Unavailable', async () => {
  bench = await startBench();
  const endpoints = {
    resourceManager: bench.azure.resourceManagerUrl,
    authority: 'https://127.0.0.1:1',
    audience: 'https://management.azure.com/',
  };
  expect(await bench.connect({ endpoints }).probe(read())).toMatchObject({
    kind: 'Unavailable',
    error: { code: 'ECONNREFUSED', message: expect.stringContaining('127.0.0.1:1') },
  });
});

test('a certificate of a foreign authority says which host and what to set, also for the token endpoint', async () => {
  bench = await startBench({ foreignCertificate: true });
  const { resourceManagerUrl, authorityUrl } = bench.azure;
  const byMetadata = await bench.provider.probe(read());
  const endpoints = {
    resourceManager: resourceManagerUrl,
    authority: authorityUrl,
    audience: 'https://management.azure.com/',
  };
  const byToken = await bench.connect({ endpoints }).probe(read());
  for (const [outcome, url] of [
    [byMetadata, resourceManagerUrl],
    [byToken, authorityUrl],
  ] as const) {
    expect(outcome).toMatchObject({
      kind: 'Unavailable',
      error: {
        message: expect.stringMatching(
          new RegExp(
            `certificate of ${url.slice('https://'.length)} .*spec\\.tls\\.caBundle or spec\\.tls\\.caSecretRef`,
          ),
        ),
      },
    });
  }
  expect((await bench.connect({ tls: { insecureSkipVerify: true } }).probe(read())).kind).toBe('Done');
});

test('without the CA bundle nothing is trusted', async () => {
  bench = await startBench();
  expect(await bench.connect({ tls: {} }).probe(read())).toMatchObject({ kind: 'Unavailable' });
  expect(bench.azure.requests).toEqual([]);
});

test('a workload identity signs in with the projected token', async () => {
  bench = await startBench();
  const folder = await mkdtemp(join(tmpdir(), 'keyframe-token-'));
  const file = join(folder, 'token');
  const claims = {
    iss: 'https://issuer.example',
    sub: 'system:serviceaccount:keyframe:keyframe',
    aud: 'api://AzureADTokenExchange',
    exp: Date.now() / 1000 + 600,
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  await writeFile(file, `${part({ alg: 'none' })}.${part(claims)}.x`);
  vi.stubEnv('AZURE_FEDERATED_TOKEN_FILE', file);
  const clientID = '11111111-2222-3333-4444-555555555555';
  bench.azure.identity.addClient(clientID, undefined, [
    { issuer: claims.iss, subject: claims.sub, audience: claims.aud },
  ]);
  expect((await bench.connect({ auth: { workloadIdentity: { clientID } } }).probe(read())).kind).toBe('Done');
  expect(bench.azure.identity.issued[0]?.method).toBe('client_assertion');

  const stranger = '11111111-2222-3333-4444-666666666666';
  bench.azure.identity.addClient(stranger, undefined, []);
  expect(
    await bench.connect({ auth: { workloadIdentity: { clientID: stranger } } }).probe(read()),
  ).toMatchObject({
    kind: 'Denied',
    error: { code: 'AADSTS70021', message: expect.stringContaining('federated credential') },
  });
  await rm(folder, { recursive: true });
});

test('a workload identity without a projected token says what is missing', async () => {
  bench = await startBench();
  vi.stubEnv('AZURE_FEDERATED_TOKEN_FILE', undefined);
  const auth = { workloadIdentity: { clientID: bench.azure.clientId } };
  expect(await bench.connect({ auth }).probe(read())).toMatchObject({
    kind: 'Denied',
    cause: 'Authentication',
    error: { code: 'CredentialUnavailable' },
  });
});

test('a managed identity asks its node, past all proxies', async () => {
  bench = await startBench();
  vi.stubEnv('AZURE_POD_IDENTITY_AUTHORITY_HOST', bench.azure.managedIdentityUrl);
  vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
  const clientID = bench.azure.clientId;
  expect((await bench.connect({ auth: { managedIdentity: { clientID } } }).probe(read())).kind).toBe('Done');
  expect(bench.azure.identity.issued[0]?.method).toBe('managed_identity');
});

test('a subscription that the identity does not see, and a role that lacks', async () => {
  bench = await startBench();
  const provider = bench.connect({ subscriptionID: '00000000-0000-0000-0000-000000000000' });
  expect(await provider.probe(read())).toMatchObject({
    kind: 'Denied',
    cause: 'Permission',
    error: { message: expect.stringContaining('spec.azure.subscriptionID') },
  });
  bench.azure.authorization.deny({ action: 'Microsoft.Compute/restorePointCollections/read' });
  expect(await bench.provider.probe(read())).toMatchObject({
    kind: 'Denied',
    cause: 'Permission',
    error: { code: 'AuthorizationFailed', message: expect.stringContaining('restorePointCollections/read') },
  });
});
