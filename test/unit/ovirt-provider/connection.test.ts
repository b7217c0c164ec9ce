import { afterEach, describe, expect, test } from 'vitest';
import { endpointIDOf } from '../../../src/providers/ovirt/provider.ts';
import { createLogger } from '../../../src/runtime/log.ts';
import { must, read, write } from '../../support/provider-calls.ts';
import { type Bench, markedName, startBench } from './setup.ts';

let bench: Bench;
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const wrong = 'not-the-Passw0rd/+=&';

/** The members of `auth`, with the engine's own user unless told otherwise. */
const user = (password = bench.engine.password) => ({ username: bench.engine.username, password });
const create = (provider = bench.provider, attempt = 1) =>
  provider.createSnapshot({ containerID: bench.vm.id, name: markedName(attempt), location: '' }, write());

describe.each([
  ['a token', '4.5.4', 'oauth'],
  ['a session on 3.6', '3.6.13', 'session'],
  ['a session on 4.3', '4.3.10', 'session'],
] as const)('%s', (_name, version, kind) => {
  const open = () => {
    const { tokens, sessions } = bench.engine.logins.open();
    return tokens + sessions;
  };
  const start = async () => {
    bench = await startBench({ version });
    const other = kind === 'oauth' ? { oauth: user() } : { session: user() };
    return bench.connect({ auth: other });
  };
  const logins = () => bench.engine.events().filter(({ code }) => code === 30).length;

  test('serves many calls, also at once, and is given up at the end', async () => {
    const provider = await start();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => provider.getVM({ id: bench.vm.id }, read())),
    );
    expect(new Set(outcomes.map(({ kind: outcome }) => outcome))).toEqual(new Set(['Done']));
    expect([logins(), open()]).toEqual([1, 1]);
    await provider.close();
    expect(open()).toBe(0);
    expect(bench.engine.contractViolations).toEqual([]);
  });

  test('is made anew once for all when the engine has dropped it', async () => {
    const provider = await start();
    must(await provider.probe(read()));
    bench.engine.dropLogins();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => provider.getVM({ id: bench.vm.id }, read())),
    );
    expect(new Set(outcomes.map(({ kind: outcome }) => outcome))).toEqual(new Set(['Done']));
    expect(logins()).toBe(2);
  });

  test('that was dropped under a write lets it go on, and it has its effect once', async () => {
    const provider = await start();
    must(await provider.probe(read()));
    bench.engine.faults.add({ kind: 'session-lost', operation: 'Snapshots_Create', times: 1 });
    must(await create(provider));
    expect(bench.engine.everCreated()).toHaveLength(1);
    expect(bench.engine.counts().Snapshots_Create).toBe(2);
  });

  test('that the engine refuses each time is not made again and again', async () => {
    const provider = await start();
    bench.engine.faults.add({ kind: 'respond', operation: 'Vms_Get', status: 401, body: '<html>no</html>' });
    for (let index = 0; index < 5; index++) {
      expect(await provider.getVM({ id: bench.vm.id }, read())).toMatchObject({
        kind: 'Denied',
        cause: 'Authentication',
      });
    }
    expect(logins()).toBeLessThanOrEqual(3);
  });

  test('for a wrong password is told with the remedy and without the password, and not tried at once again', async () => {
    await start();
    const auth = kind === 'oauth' ? { oauth: user(wrong) } : { session: user(wrong) };
    const lines: string[] = [];
    const log = createLogger({ level: 'debug', destination: { write: (line) => lines.push(line) } });
    const provider = bench.connect({ auth, log });
    const first = await provider.probe(read());
    expect(first).toMatchObject({
      kind: 'Denied',
      cause: 'Authentication',
      error: { message: expect.stringContaining("password in the provider's Secret") },
    });
    const before = bench.engine.requests.length;
    expect(await provider.probe(read())).toEqual(first);
    expect(await create(provider)).toEqual(first);
    expect(bench.engine.requests).toHaveLength(before);
    const told = JSON.stringify([first, lines, bench.reports]);
    expect(told).not.toContain(wrong);
    expect(told).not.toContain(encodeURIComponent(wrong));
    expect(told).not.toContain(Buffer.from(`${bench.engine.username}:${wrong}`).toString('base64'));
  });
});

describe('user and password with each request', () => {
  test.each(['3.6.13', '4.5.4'])('on %s', async (version) => {
    bench = await startBench({ version });
    const provider = bench.connect({ auth: { basic: user() } });
    must(await provider.getVM({ id: bench.vm.id }, read()));
    expect(bench.engine.logins.open()).toEqual({ tokens: 0, sessions: 0 });
    await provider.close();
    expect(bench.engine.contractViolations).toEqual([]);
  });

  test('a wrong one is sent once, lest the account be locked', async () => {
    bench = await startBench();
    const provider = bench.connect({ auth: { basic: user(wrong) } });
    for (let index = 0; index < 5; index++) {
      expect(await provider.probe(read())).toMatchObject({ kind: 'Denied', cause: 'Authentication' });
    }
    expect(bench.engine.counts()).toEqual({ Api_Get: 1 });
  });
});

describe('the single sign-on', () => {
  test.each([
    ['4.0, whose refusals come with status 200', { version: '4.0.7' }],
    ['4.5, whose refusals come with status 400', { version: '4.5.4' }],
    ['one that answers in lists', { behaviour: { tokenAnswerInList: true } }],
  ])('of %s', async (_name, options) => {
    bench = await startBench(options);
    must(await bench.provider.probe(read()));
    expect(await bench.connect({ auth: { oauth: user(wrong) } }).probe(read())).toMatchObject({
      kind: 'Denied',
      cause: 'Authentication',
      error: { code: 'access_denied', message: expect.stringContaining('not locked') },
    });
    expect(bench.engine.contractViolations).toEqual([]);
  });

  test('takes users whose name has several @', async () => {
    bench = await startBench({ username: 'admin@ovirt@internalsso' });
    must(await bench.provider.probe(read()));
    must(await bench.connect({ auth: { basic: user() } }).probe(read()));
  });

  test.each([
    ['is down', { kind: 'respond', status: 503, body: '<html>Starting</html>' }],
    ['says nothing', { kind: 'respond', status: 200, body: '' }],
    ['is a page', { kind: 'respond', status: 200, body: '<html>Welcome</html>' }],
    ['gives a token that cannot be sent', { kind: 'respond', status: 200, body: { access_token: 'a\r\nb' } }],
    ['fails', { kind: 'respond', status: 400, body: { error_code: 'server_error', error: 'x' } }],
    ['does not answer', { kind: 'reset' }],
  ] as const)('that %s makes everything Unavailable, and a write was not sent', async (_name, fault) => {
    bench = await startBench();
    bench.engine.faults.add({ ...fault, operation: 'Sso_Token' });
    expect(await create()).toMatchObject({ kind: 'Unavailable' });
    expect(bench.engine.counts().Snapshots_Create).toBeUndefined();
  });

  test('that an engine 3.6 does not have says what to set', async () => {
    bench = await startBench({ version: '3.6.13' });
    expect(await bench.connect({ auth: { oauth: user() } }).probe(read())).toMatchObject({
      kind: 'Unavailable',
      error: { message: expect.stringMatching(/spec\.ovirt\.url.*auth\.session/) },
    });
  });
});

test('a session that does not come into being says what to set', async () => {
  bench = await startBench({ version: '3.6.13' });
  bench.engine.faults.add({ kind: 'respond', operation: 'Api_Get', status: 200, body: '<api/>', times: 1 });
  expect(await bench.connect({ auth: { session: user() } }).probe(read())).toMatchObject({
    kind: 'Unsupported',
    error: { message: expect.stringContaining('auth.basic') },
  });
});

test('what a server repeats of the password is not passed on', async () => {
  bench = await startBench();
  const body = {
    error_code: 'access_denied',
    error: `no user with ${wrong} and ${encodeURIComponent(wrong)}`,
  };
  bench.engine.faults.add({ kind: 'respond', operation: 'Sso_Token', status: 400, body });
  const outcome = await bench.connect({ auth: { oauth: user(wrong) } }).probe(read());
  expect(JSON.stringify(outcome)).not.toContain(wrong);
  expect(outcome).toMatchObject({ error: { message: expect.stringContaining('[redacted] and [redacted]') } });
});

describe('what cannot be right is refused before anything is sent', () => {
  test.each([
    ['no profile', { auth: { oauth: { username: 'admin', password: 'x' } } }, /user@profile/],
    [
      'a colon where Basic is used',
      { auth: { basic: { username: 'a:b@internal', password: 'x' } } },
      /colon/,
    ],
    ['no https', { url: 'http://engine.example/ovirt-engine' }, /https/],
    ['another path', { url: 'https://engine.example/api' }, /ovirt-engine/],
    ['a user in the address', { url: 'https://a:b@engine.example/ovirt-engine' }, /without user/],
  ])('%s', async (_name, changes, message) => {
    bench = await startBench();
    expect(() => bench.connect(changes)).toThrow(message);
  });
});

test.each([
  ['https://Engine.Example:443/ovirt-engine/', 'ovirt:engine.example/ovirt-engine'],
  ['https://engine.example:8443/a/ovirt-engine', 'ovirt:engine.example:8443/a/ovirt-engine'],
])('the id of %s', async (url, id) => {
  bench = await startBench();
  expect(endpointIDOf({ url })).toBe(id);
});

describe('the version of the API', () => {
  test.each([
    ['Auto on 4.3, whatever its default', { version: '4.3.10', defaultApi: 3 }, {}, 'V4'],
    ['V3 on 4.3', { version: '4.3.10' }, { apiVersion: 'V3' }, 'V3'],
    ['Auto on 3.6', { version: '3.6.13' }, {}, 'V3'],
    ['V4 on 4.5', { version: '4.5.4' }, { apiVersion: 'V4' }, 'V4'],
  ] as const)('%s', async (_name, options, changes, apiVersion) => {
    bench = await startBench(options, changes);
    const product = must(await bench.provider.probe(read()));
    expect(product).toMatchObject({ name: 'oVirt Engine', apiVersion });
    expect(product.version).toMatch(new RegExp(`^${options.version}`));
    must(await create());
    expect(bench.engine.contractViolations).toEqual([]);
  });

  test.each([
    ['V4 on 3.6', { version: '3.6.13' }, { apiVersion: 'V4' }, /3\.6.*API v3 only.*spec\.ovirt\.apiVersion/],
    ['V3 on 4.5', { version: '4.5.4' }, { apiVersion: 'V3' }, /4\.5.*API v4 only.*spec\.ovirt\.apiVersion/],
    [
      'V3 on 4.5, in another form',
      { version: '4.5.4', behaviour: { removedVersion: 'bad-request' } },
      { apiVersion: 'V3' },
      /API v4 only/,
    ],
  ] as const)('%s is Unsupported', async (_name, options, changes, message) => {
    bench = await startBench(options, changes);
    for (const outcome of [await bench.provider.probe(read()), await create()]) {
      expect(outcome).toMatchObject({
        kind: 'Unsupported',
        error: { message: expect.stringMatching(message) },
      });
    }
    expect(bench.engine.everCreated()).toEqual([]);
  });

  test('RHEV 3.0, whose API is elsewhere, is Unsupported', async () => {
    bench = await startBench({ version: '3.0.0' });
    expect(await bench.connect({ auth: { basic: user() } }).probe(read())).toMatchObject({
      kind: 'Unsupported',
      error: { message: expect.stringContaining('3.1') },
    });
  });

  test('a wrong address is told from an engine that is too old', async () => {
    bench = await startBench();
    const url = bench.engine.url.replace('/ovirt-engine', '/elsewhere/ovirt-engine');
    expect(await bench.connect({ url, auth: { basic: user() } }).probe(read())).toMatchObject({
      kind: 'Unavailable',
      error: { message: expect.stringContaining('spec.ovirt.url') },
    });
  });

  test('a root that is none is no engine', async () => {
    bench = await startBench();
    bench.engine.faults.add({
      kind: 'respond',
      operation: 'Api_Get',
      status: 200,
      body: '<html>Welcome</html>',
    });
    expect(await bench.provider.probe(read())).toMatchObject({
      kind: 'Unavailable',
      error: { code: 'MalformedAnswer' },
    });
  });

  test('before an engine has told its release, only what every release has is promised', async () => {
    bench = await startBench();
    expect(bench.provider.capabilities.memory).toMatch(/3\.3/);
    must(await bench.provider.probe(read()));
    expect(bench.provider.capabilities.memory).toBe(true);
  });
});

test('links that lead elsewhere are never followed', async () => {
  bench = await startBench({ behaviour: { hrefBase: 'https://elsewhere.example/api' } });
  const { snapshot } = must(await create());
  const ref = { id: snapshot.id, containerID: bench.vm.id };
  must(await bench.provider.getSnapshot(ref, {}, read()));
  expect(bench.engine.contractViolations).toEqual([]);
});

test('values of its own in JSON are read like strings', async () => {
  bench = await startBench({ behaviour: { nativeJson: true } });
  must(await create());
  expect(must(await bench.provider.listSnapshots(bench.vm.id, read()))).toHaveLength(1);
  expect(must(await bench.provider.getVM({ id: bench.vm.id }, read())).disks).toHaveLength(2);
});

test('each write has a correlation id of its own, and reads have none', async () => {
  bench = await startBench();
  const { provider, vm, engine } = bench;
  const call = write();
  must(await provider.createSnapshot({ containerID: vm.id, name: markedName(), location: '' }, call));
  const { correlationID: _id, ...without } = write();
  await provider.stopVM(vm.id, 'Shutdown', without);
  await provider.stopVM(vm.id, 'PowerOff', without);
  const ids = (method: string) =>
    engine.requests
      .filter((one) => one.method === method && one.operation !== 'Sso_Token')
      .map((one) => one.correlationId);
  expect(ids('POST')).toEqual([call.correlationID, expect.any(String), expect.any(String)]);
  expect(new Set(ids('POST')).size).toBe(3);
  expect(new Set(ids('GET'))).toEqual(new Set([undefined]));
});

describe('TLS', () => {
  test('a certificate of a foreign authority says which host and what to set, also for the sign-on', async () => {
    bench = await startBench({ foreignCertificate: true });
    for (const auth of [{ oauth: user() }, { basic: user() }]) {
      expect(await bench.connect({ auth }).probe(read())).toMatchObject({
        kind: 'Unavailable',
        error: { message: expect.stringMatching(/spec\.tls\.caBundle or spec\.tls\.caSecretRef/) },
      });
    }
    must(await bench.connect({ tls: { insecureSkipVerify: true } }).probe(read()));
  });
});
