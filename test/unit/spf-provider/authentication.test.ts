import { afterEach, describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../../src/providers/http.ts';
import { kerberosMechanism, type Tickets } from '../../../src/providers/spf/authentication/kerberos.ts';
import { createSender, type Sender, type SPFAuth } from '../../../src/providers/spf/authentication/sender.ts';
import type { TicketAnswer } from '../../../src/providers/spf/authentication/ticket-process.ts';
import { WindowsConnections } from '../../../src/providers/spf/authentication/windows-connections.ts';
import { parseServiceRoot } from '../../../src/providers/spf/service-root.ts';
import { createClientCertificate } from '../../simulators/spf/client-certificates.ts';
import type { SpfSimulatorOptions } from '../../simulators/spf/options.ts';
import { type SpfSimulator, startSpfSimulator } from '../../simulators/spf/simulator.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

async function start(options: SpfSimulatorOptions = {}): Promise<SpfSimulator> {
  const spf = await startSpfSimulator({ speed: 1000, ...options });
  opened.unshift(spf);
  return spf;
}

const options = { maxConnections: 4, monotonic: () => performance.now() };

function senderOf(spf: SpfSimulator, auth: SPFAuth, root = spf.adminRoot): Sender {
  const sender = createSender({
    ...options,
    auth,
    root: parseServiceRoot(root),
    tls: { caBundle: spf.caPem },
  });
  opened.push(sender);
  return sender;
}

function ntlm(spf: SpfSimulator, more: Partial<{ username: string; password: string }> = {}): SPFAuth {
  const { domain, user, password } = spf.account;
  return { ntlm: { username: `${domain}\\${user}`, password, ...more } };
}

const headers = { accept: 'application/json', 'x-ms-principal-id': 'user@contoso.com' };

function get(root: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url: `${root}Clouds`, headers, timeoutMs: 5_000, ...more };
}

function post(spf: SpfSimulator, vmID: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'POST',
    url: `${spf.adminRoot}VMCheckPoints`,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ VMId: vmID, StampId: spf.stampId }),
    timeoutMs: 5_000,
    ...more,
  };
}

async function statusOf(sender: Sender, request: HttpRequest): Promise<number> {
  const result = await sender.send(request);
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.response.status;
}

describe('every way of authentication', () => {
  test('comes in at the door that takes it', async () => {
    const spf = await start();
    const { domain, user, password } = spf.account;
    const certificate = { certificate: spf.clientCertificate.cert, key: spf.clientCertificate.key };
    const ways: [SPFAuth, string][] = [
      [{ basic: { username: `${domain}\\${user}`, password } }, spf.adminRoot],
      [{ basic: { username: user, password } }, spf.tenantRoot],
      [ntlm(spf), spf.tenantRoot],
      [ntlm(spf, { username: user }), spf.adminRoot],
      [ntlm(spf, { username: `${user}@contoso.example` }), spf.adminRoot],
      [{ bearer: { token: spf.bearerToken } }, spf.wapAdminRoot],
      [{ bearer: { token: `${spf.bearerToken}\n` } }, spf.wapTenantRoot],
      [{ bearer: { token: spf.bearerToken } }, spf.wapPublicRoot],
      [{ clientCertificate: certificate }, spf.wapPublicRoot],
    ];
    for (const [auth, root] of ways) {
      expect([auth, await statusOf(senderOf(spf, auth, root), get(root))]).toEqual([auth, 200]);
    }
    expect(spf.contractViolations).toEqual([]);
  });

  test('is refused with other credentials', async () => {
    const spf = await start();
    spf.addAccount({ user: 'guest', password: 'x', mayUseSpf: false });
    const other = await createClientCertificate('other');
    const ways: [SPFAuth, string][] = [
      [{ basic: { username: spf.account.user, password: 'wrong' } }, spf.adminRoot],
      [ntlm(spf, { password: 'wrong' }), spf.adminRoot],
      [ntlm(spf, { username: 'OTHER\\nobody' }), spf.adminRoot],
      [{ ntlm: { username: 'guest', password: 'x' } }, spf.adminRoot],
      [{ bearer: { token: 'wrong' } }, spf.wapTenantRoot],
      [{ clientCertificate: { certificate: other.cert, key: other.key } }, spf.wapPublicRoot],
    ];
    for (const [auth, root] of ways) {
      expect([auth, await statusOf(senderOf(spf, auth, root), get(root))]).toEqual([auth, 401]);
    }
  });

  test.each<[string, SPFAuth]>([
    ['no user', { basic: { username: ' ', password: 'secret-1' } }],
    ['no password', { ntlm: { username: 'a', password: '' } }],
    ['a colon in the user', { basic: { username: 'a:b', password: 'secret-1' } }],
    ['a token of several lines', { bearer: { token: 'secret-1\r\nx: y' } }],
    ['a certificate that is none', { clientCertificate: { certificate: 'x', key: 'secret-1' } }],
    ['a principal that is none', { negotiate: { principal: 'a b', keytab: Buffer.from([5, 2, 0, 0]) } }],
    ['a keytab that is none', { negotiate: { principal: 'a@B', keytab: Buffer.from('secret-1') } }],
  ])('is refused here with %s, and without a word of the secret', (_name, auth) => {
    const root = parseServiceRoot('https://spf:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc/');
    const make = () => createSender({ ...options, auth, root });
    expect(make).toThrow(TypeError);
    expect(make).not.toThrow(/secret-1/);
  });
});

describe('NTLM', () => {
  test('satisfies a server that demands channel binding and MIC, and pins what it has authenticated', async () => {
    const spf = await start({ windows: { extendedProtection: 'require', demandsMic: true } });
    const sender = senderOf(spf, ntlm(spf));
    for (let sent = 0; sent < 3; sent += 1) expect(await statusOf(sender, get(spf.adminRoot))).toBe(200);
    expect(spf.counts()).toEqual({ Handshake: 1, Clouds_List: 3 });
  });

  test('sends a write once, with the last step of the handshake', async () => {
    const spf = await start();
    const vm = spf.addVm({ name: 'web' });
    expect(await statusOf(senderOf(spf, ntlm(spf)), post(spf, vm.id))).toBe(201);
    expect(spf.counts()).toEqual({ Handshake: 1, VMCheckPoints_Create: 1 });
    expect(spf.requests.map(({ method, url }) => `${method} ${url.replace(/.*svc\//, '')}`)).toEqual([
      'GET ',
      'POST VMCheckPoints',
    ]);
    // The simulator would count a body in the first step, or a handshake over two connections, as violations.
    expect(spf.contractViolations).toEqual([]);
  });

  test('goes by the name of Negotiate where the server offers no other', async () => {
    const spf = await start({ windows: { schemes: ['Negotiate'] } });
    const sender = senderOf(spf, ntlm(spf));
    for (let sent = 0; sent < 2; sent += 1) expect(await statusOf(sender, get(spf.adminRoot))).toBe(200);
    spf.authentication.forgetConnections();
    expect(await statusOf(sender, get(spf.adminRoot))).toBe(200);
    // One more only for the very first, which tried the other name.
    expect(spf.counts()).toMatchObject({ Handshake: 3 });
  });

  test('is refused by a server that offers but Basic', async () => {
    const spf = await start({ windows: { schemes: ['Basic'] } });
    expect(await statusOf(senderOf(spf, ntlm(spf)), get(spf.adminRoot))).toBe(401);
  });

  test('begins anew when the server has forgotten the connection, and the write has one effect', async () => {
    const spf = await start();
    const vm = spf.addVm({ name: 'web' });
    const sender = senderOf(spf, ntlm(spf));
    expect(await statusOf(sender, get(spf.adminRoot))).toBe(200);
    spf.authentication.forgetConnections();
    expect(await statusOf(sender, post(spf, vm.id))).toBe(201);
    expect(spf.everCreated()).toHaveLength(1);
    // Once to the connection that was forgotten, which a 401 answered, and once with the new handshake.
    expect(
      spf.requests
        .filter(({ operation }) => operation === 'VMCheckPoints_Create')
        .map(({ status }) => status),
    ).toEqual([401, 201]);
  });

  test('gives up after one more handshake when the server goes on refusing', async () => {
    const spf = await start();
    const sender = senderOf(spf, ntlm(spf));
    expect(await statusOf(sender, get(spf.adminRoot))).toBe(200);
    spf.faults.add({ kind: 'unauthorized', operation: 'Clouds_List' });
    spf.resetCounts();
    expect(await statusOf(sender, get(spf.adminRoot))).toBe(401);
    expect(spf.counts()).toEqual({ Handshake: 1, Clouds_List: 2 });
  });

  test('has a connection for each of several requests at once, and uses them again', async () => {
    const spf = await start();
    const sender = senderOf(spf, ntlm(spf));
    spf.faults.add({ kind: 'latency', milliseconds: 100, operation: 'Clouds_List', times: 3 });
    const all = [1, 2, 3].map(() => statusOf(sender, get(spf.adminRoot)));
    expect(await Promise.all(all)).toEqual([200, 200, 200]);
    expect(spf.counts().Handshake).toBe(3);
    await Promise.all([1, 2, 3].map(() => statusOf(sender, get(spf.adminRoot))));
    expect(spf.counts().Handshake).toBe(3);
  });

  describe('a write of which nothing was sent, as the handshake before it', () => {
    test.each(['reset', 'lost-answer', 'hang'] as const)('broke: %s', async (kind) => {
      const spf = await start();
      const vm = spf.addVm({ name: 'web' });
      spf.faults.add({ kind, operation: 'Handshake' });
      const result = await senderOf(spf, ntlm(spf)).send(post(spf, vm.id, { timeoutMs: 300 }));
      expect(result).toMatchObject({ ok: false, failure: { sent: false } });
      expect(spf.everCreated()).toEqual([]);
    });

    test.each([200, 503])('was answered %i', async (status) => {
      const spf = await start();
      const vm = spf.addVm({ name: 'web' });
      spf.faults.add({ kind: 'respond', status, operation: 'Handshake', body: {} });
      const result = await senderOf(spf, ntlm(spf)).send(post(spf, vm.id));
      expect(result).toMatchObject({ ok: false, failure: { sent: false } });
      expect(spf.counts().VMCheckPoints_Create).toBeUndefined();
    });

    test('brought a challenge that cannot be answered', async () => {
      const spf = await start();
      const vm = spf.addVm({ name: 'web' });
      const challenge = Buffer.from('NTLMSSP\0\u0002', 'latin1').toString('base64');
      spf.faults.add({
        kind: 'respond',
        status: 401,
        headers: { 'WWW-Authenticate': `NTLM ${challenge}` },
        operation: 'Handshake',
      });
      const result = await senderOf(spf, ntlm(spf)).send(post(spf, vm.id));
      expect(result).toMatchObject({
        ok: false,
        without: { kind: 'Denied', cause: 'Authentication', error: { code: 'NTLMFailed' } },
      });
    });

    test('took longer than the send window', async () => {
      const spf = await start();
      const vm = spf.addVm({ name: 'web' });
      spf.faults.add({ kind: 'latency', milliseconds: 200, operation: 'Handshake' });
      const sendBefore = performance.now() + 100;
      const result = await senderOf(spf, ntlm(spf)).send(post(spf, vm.id, { sendBefore }));
      expect(result).toMatchObject({ ok: false, failure: { sent: false, cause: 'TooLate' } });
      expect(spf.everCreated()).toEqual([]);
    });
  });

  test('a write whose answer is lost was sent, and is not sent again', async () => {
    const spf = await start();
    const vm = spf.addVm({ name: 'web' });
    spf.faults.add({ kind: 'lost-answer', operation: 'VMCheckPoints_Create' });
    expect(await senderOf(spf, ntlm(spf)).send(post(spf, vm.id))).toMatchObject({
      ok: false,
      failure: { sent: true },
    });
    expect(spf.counts().VMCheckPoints_Create).toBe(1);
  });
});

describe('Negotiate by Kerberos', () => {
  function kerberos(spf: SpfSimulator, answer: TicketAnswer | ((count: number) => TicketAnswer)) {
    const asked: string[] = [];
    const tickets: Tickets = {
      token: async (service) => {
        asked.push(service);
        return typeof answer === 'function' ? answer(asked.length) : answer;
      },
      close: async () => {},
    };
    const host = new URL(spf.adminRoot).host;
    const mechanism = kerberosMechanism(
      { principal: 'a@B', keytab: Buffer.from([5, 2, 0, 0]) },
      host,
      tickets,
    );
    const sender = new WindowsConnections('negotiate', mechanism, {
      ...options,
      tls: { caBundle: spf.caPem },
    });
    opened.push(sender);
    return { sender, asked };
  }

  test('sends a new token with the request, and none over a connection that stays authenticated', async () => {
    const spf = await start();
    const used = new Set<string>();
    spf.acceptKerberos(async (token) => {
      const text = token.toString('utf8');
      if (used.has(text)) return undefined;
      used.add(text);
      return { user: 'spf-operator' };
    });
    const { sender, asked } = kerberos(spf, (count) => ({
      token: Buffer.from(`ticket ${count}`).toString('base64'),
    }));
    const vm = spf.addVm({ name: 'web' });
    expect(await statusOf(sender, post(spf, vm.id))).toBe(201);
    expect(await statusOf(sender, get(spf.adminRoot))).toBe(200);
    expect(asked).toEqual(['HTTP@127.0.0.1']);
    spf.authentication.forgetConnections();
    expect(await statusOf(sender, get(spf.adminRoot))).toBe(200);
    expect(used).toEqual(new Set(['ticket 1', 'ticket 2']));
    expect(spf.contractViolations).toEqual([]);
  });

  test('is a token for each request where the server does not keep the connection authenticated', async () => {
    const spf = await start();
    spf.acceptKerberos(async () => ({ user: 'spf-operator' }));
    spf.faults.add({ kind: 'headers', headers: { 'Persistent-Auth': 'false' } });
    const { sender, asked } = kerberos(spf, { token: 'dGlja2V0' });
    for (let sent = 0; sent < 2; sent += 1) expect(await statusOf(sender, get(spf.adminRoot))).toBe(200);
    expect(asked).toHaveLength(2);
  });

  test('that is refused is a 401', async () => {
    const spf = await start();
    const { sender } = kerberos(spf, { token: 'dGlja2V0' });
    expect(await statusOf(sender, get(spf.adminRoot))).toBe(401);
    expect(spf.counts()).toEqual({ Clouds_List: 1 });
  });

  test.each<[TicketAnswer, object]>([
    [
      { cause: 'Missing', message: 'no package' },
      {
        without: {
          kind: 'Unsupported',
          local: true,
          error: { code: 'KerberosMissing', message: expect.stringContaining('npm package kerberos') },
        },
      },
    ],
    [
      { cause: 'Refused', message: 'no key' },
      {
        without: {
          kind: 'Denied',
          cause: 'Authentication',
          error: { code: 'NoTicket', message: expect.stringContaining('keytab') },
        },
      },
    ],
    [
      { cause: 'Unreachable', message: 'no KDC' },
      { failure: { sent: false, error: { code: 'KDCUnreachable' } } },
    ],
    [{ cause: 'Aborted', message: 'x' }, { failure: { sent: false, cause: 'Aborted' } }],
  ])('without a ticket sends nothing: %j', async (answer, expected) => {
    const spf = await start();
    const { sender } = kerberos(spf, answer);
    expect(await sender.send(get(spf.adminRoot))).toMatchObject({ ok: false, ...expected });
    expect(spf.requests).toEqual([]);
  });
});
