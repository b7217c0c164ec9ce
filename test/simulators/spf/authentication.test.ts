import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { channelBinding } from '../../../src/providers/spf/ntlm/channel-binding.ts';
import {
  authenticateMessage,
  negotiateMessage,
  ntlmV2Response,
  parseChallenge,
  responseKey,
} from '../../../src/providers/spf/ntlm/messages.ts';
import { createClientCertificate } from './client-certificates.ts';
import type { SpfSimulatorOptions } from './options.ts';
import { type SpfSimulator, startSpfSimulator } from './simulator.ts';
import { type RawAnswer, type TestClient, testClient } from './test-client.ts';

interface Stage extends AsyncDisposable {
  spf: SpfSimulator;
  client: TestClient;
  certificate: Buffer;
}

async function stage(options: SpfSimulatorOptions = {}): Promise<Stage> {
  const spf = await startSpfSimulator({ account: { user: 'Jörg', password: 'Grüße' }, ...options });
  const client = testClient(spf);
  return {
    spf,
    client,
    certificate: await serverCertificate(spf),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await spf.close();
    },
  };
}

async function serverCertificate(spf: SpfSimulator): Promise<Buffer> {
  const { connect } = await import('node:tls');
  const url = new URL(spf.adminRoot);
  const socket = connect({ host: url.hostname, port: Number(url.port), ca: spf.caPem });
  try {
    return await new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(socket.getPeerX509Certificate()?.raw ?? Buffer.alloc(0)));
    });
  } finally {
    socket.destroy();
  }
}

interface Handshake {
  user?: string;
  domain?: string;
  password?: string;
  binding?: Buffer;
  scheme?: string;
  /** Changes the last message before it is sent. */
  spoil?(message: Buffer): void;
}

/** Goes through a handshake and gives its last answer. */
async function shakeHands(s: Stage, handshake: Handshake = {}, last = s.client): Promise<RawAnswer> {
  const { scheme = 'NTLM' } = handshake;
  const negotiate = negotiateMessage();
  const first = await s.client.send('GET', 'Clouds', {
    headers: { authorization: `${scheme} ${negotiate.toString('base64')}` },
  });
  expect(first.status).toBe(401);
  const offer = new RegExp(`^${scheme} (\\S+)$`).exec(String(first.headers['www-authenticate']))?.[1] ?? '';
  const { user, domain, password } = { ...s.spf.account, ...handshake };
  const message = authenticateMessage({
    credentials: { user, domain, password },
    negotiate,
    challenge: parseChallenge(Buffer.from(offer, 'base64')),
    servicePrincipal: `HTTP/${new URL(s.spf.adminRoot).hostname}`,
    channelBinding: handshake.binding ?? channelBinding(s.certificate),
    clientChallenge: Buffer.from('0102030405060708', 'hex'),
    now: Date.now(),
  });
  handshake.spoil?.(message);
  return last.send('GET', 'Clouds', {
    headers: { authorization: `${scheme} ${message.toString('base64')}` },
  });
}

/** Changes one byte. */
function flip(offset: number): (message: Buffer) => void {
  return (message) => {
    message.writeUInt8(message.readUInt8(offset) ^ 0x42, offset);
  };
}

function withoutResponse(message: Buffer): void {
  message.writeUInt16LE(0, 20);
}

/** The last message of a handshake in OEM, without room for a MIC. */
function oemMessage(ntResponse: Buffer, { domain, user }: { domain: string; user: string }): Buffer {
  const header = Buffer.alloc(64);
  header.write('NTLMSSP\0', 'latin1');
  header.writeUInt32LE(3, 8);
  header.writeUInt32LE(0x202, 60);
  const parts = [ntResponse, Buffer.from(domain), Buffer.from(user)];
  let offset = header.length;
  for (const [index, part] of parts.entries()) {
    header.writeUInt16LE(part.length, 20 + 8 * index);
    header.writeUInt32LE(offset, 24 + 8 * index);
    offset += part.length;
  }
  return Buffer.concat([header, ...parts]);
}

const anonymous = { headers: { authorization: undefined } };

describe("SPF's own door", () => {
  it('offers what it takes, in HTML, to one without credentials', async () => {
    await using s = await stage();
    const answer = await s.client.send('GET', 'Clouds', anonymous);
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toEqual(['Negotiate', 'NTLM', 'Basic realm="spf"']);
    expect(answer.headers['content-type']).toContain('text/html');
  });

  it.each([
    ['a domain', 'CONTOSO\\Jörg:Grüße', 200],
    ['no domain, in another case', 'jörg:Grüße', 200],
    ['another domain', 'FABRIKAM\\Jörg:Grüße', 401],
    ['another password', 'CONTOSO\\Jörg:Grüsse', 401],
    ['nothing', '', 401],
  ])('takes Basic with %s', async (_what, credentials, status) => {
    await using s = await stage();
    const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    expect((await s.client.send('GET', 'Clouds', { headers: { authorization } })).status).toBe(status);
  });

  it('takes only what it offers, and no account outside the group SPF_VMM', async () => {
    await using s = await stage({ windows: { schemes: ['NTLM'] } });
    expect((await s.client.send('GET', 'Clouds')).status).toBe(401);
    expect((await shakeHands(s, { scheme: 'NTLM' })).status).toBe(200);
    s.spf.addAccount({ user: 'guest', password: 'x', mayUseSpf: false });
    expect((await shakeHands(s, { user: 'guest', password: 'x' })).status).toBe(401);
    expect(s.spf.authenticationFailures.at(-1)?.reason).toMatch(/SPF_VMM/);
  });
});

describe('NTLM', () => {
  it('authenticates the connection, until the server forgets it', async () => {
    await using s = await stage();
    const answer = await shakeHands(s);
    expect([answer.status, answer.headers['persistent-auth']]).toEqual([200, 'true']);
    expect((await s.client.send('GET', 'Clouds', anonymous)).status).toBe(200);
    await using other = testClient(s.spf);
    expect((await other.send('GET', 'Clouds', anonymous)).status).toBe(401);
    s.spf.faults.add({ kind: 'unauthorized', times: 1 });
    expect((await s.client.send('GET', 'Clouds', anonymous)).status).toBe(401);
    expect((await s.client.send('GET', 'Clouds', anonymous)).status).toBe(401);
    expect((await shakeHands(s, { user: 'JÖRG', scheme: 'Negotiate' })).status).toBe(200);
    expect(s.spf.counts()).toMatchObject({ Handshake: 2 });
    expect(s.spf.contractViolations).toEqual([]);
  });

  it.each([
    ['a wrong password', { password: 'Grüsse' }, /password is wrong/],
    ['an unknown user', { user: 'nobody' }, /no account/],
    ['a foreign domain', { domain: 'FABRIKAM' }, /no account/],
    ['the binding of another connection', { binding: Buffer.alloc(16, 1) }, /another connection/],
    ['a MIC that was changed', { spoil: flip(72) }, /MIC is wrong/],
    ['flags that were changed', { spoil: flip(60) }, /MIC is wrong/],
    ['a field that points beyond', { spoil: flip(27) }, /beyond/],
    ['no response', { spoil: withoutResponse }, /NTLMv1 and anonymous/],
  ] as const)('refuses %s', async (_what, handshake, reason) => {
    await using s = await stage();
    expect((await shakeHands(s, handshake)).status).toBe(401);
    expect(s.spf.authenticationFailures.at(-1)?.reason).toMatch(reason);
    expect((await s.client.send('GET', 'Clouds', anonymous)).status).toBe(401);
  });

  it('demands a channel binding where the site is set so', async () => {
    await using s = await stage({ windows: { extendedProtection: 'require' } });
    expect((await shakeHands(s, { binding: Buffer.alloc(16) })).status).toBe(401);
    expect((await shakeHands(s)).status).toBe(200);
  });

  it('works with a server that does not send its time', async () => {
    await using s = await stage({ windows: { sendsTime: false } });
    expect((await shakeHands(s)).status).toBe(200);
  });

  it.each([
    [true, 401],
    [false, 200],
  ])(
    'with demandsMic %s answers an old client, which speaks OEM and bears no MIC, with %i',
    async (demandsMic, status) => {
      await using s = await stage({ windows: { demandsMic }, account: { user: 'old', password: 'secret' } });
      const negotiate = negotiateMessage();
      negotiate.writeUInt32LE(negotiate.readUInt32LE(12) & ~1, 12);
      const first = await s.client.send('GET', 'Clouds', {
        headers: { authorization: `NTLM ${negotiate.toString('base64')}` },
      });
      const challenge = Buffer.from(
        String(first.headers['www-authenticate']).slice('NTLM '.length),
        'base64',
      );
      expect(challenge.readUInt32LE(20) & 3).toBe(2);
      const { ntResponse } = ntlmV2Response({
        key: responseKey(s.spf.account),
        serverChallenge: challenge.subarray(24, 32),
        clientChallenge: Buffer.alloc(8, 7),
        time: 1n,
        targetInfo: Buffer.alloc(4),
      });
      const authorization = `NTLM ${oemMessage(ntResponse, s.spf.account).toString('base64')}`;
      expect((await s.client.send('GET', 'Clouds', { headers: { authorization } })).status).toBe(status);
    },
  );

  it('notes a handshake that moves to another connection as a defect of the client', async () => {
    await using s = await stage();
    await using other = testClient(s.spf);
    expect((await shakeHands(s, {}, other)).status).toBe(401);
    expect(s.spf.contractViolations).toHaveLength(1);
  });

  it('notes a handshake that begins with a body as a defect of the client', async () => {
    await using s = await stage();
    const authorization = `NTLM ${negotiateMessage().toString('base64')}`;
    const answer = await s.client.send('POST', 'VMCheckPoints', { body: {}, headers: { authorization } });
    expect([answer.status, s.spf.contractViolations.length]).toEqual([401, 1]);
  });
});

describe('Negotiate with another token than NTLM', () => {
  const authorization = `Negotiate ${Buffer.from('6006aabbccddeeff', 'hex').toString('base64')}`;

  it('is refused without an acceptor, and is whatever an acceptor says', async () => {
    await using s = await stage();
    expect((await s.client.send('GET', 'Clouds', { headers: { authorization } })).status).toBe(401);
    s.spf.acceptKerberos(async (token) =>
      token[0] === 0x60 ? { user: 'Jörg', answer: Buffer.from('mutual') } : undefined,
    );
    const answer = await s.client.send('GET', 'Clouds', { headers: { authorization } });
    expect(answer.status).toBe(200);
    expect(answer.headers['www-authenticate']).toBe(`Negotiate ${Buffer.from('mutual').toString('base64')}`);
    expect((await s.client.send('GET', 'Clouds', anonymous)).status).toBe(200);
  });
});

describe("Azure Pack's doors", () => {
  it('take a bearer token, for its subscriptions, until it ends', async () => {
    await using s = await stage();
    const { wapAdminRoot, wapTenantRoot, wapPublicRoot, bearerToken, authentication } = s.spf;
    const status = async (root: string, token: string): Promise<number> =>
      (await s.client.send('GET', 'Clouds', { root, headers: { authorization: `Bearer ${token}` } })).status;
    for (const root of [wapAdminRoot, wapTenantRoot, wapPublicRoot]) {
      expect(await status(root, bearerToken)).toBe(200);
      expect(await status(root, 'unknown')).toBe(401);
    }
    expect(await status(wapTenantRoot, authentication.issueToken({ seconds: 0 }))).toBe(401);
    expect(await status(wapTenantRoot, authentication.issueToken({ subscriptions: ['another'] }))).toBe(403);
    expect(await status(s.spf.tenantRoot, bearerToken)).toBe(401);
    authentication.revokeTokens();
    expect(await status(wapTenantRoot, bearerToken)).toBe(401);
  });

  it('answer errors of their own as XML, whatever was asked for', async () => {
    await using s = await stage();
    const answer = await s.client.send('GET', 'Clouds', { ...anonymous, root: s.spf.wapTenantRoot });
    expect([answer.status, answer.headers['content-type']]).toEqual([401, 'application/xml; charset=utf-8']);
    expect(answer.text).toMatch(/^<Error xmlns="http:\/\/schemas.microsoft.com\/windowsazure"/);
  });

  it('take a client certificate at the public one only, and only one that stands for the subscription', async () => {
    await using s = await stage();
    const { wapPublicRoot, wapTenantRoot, clientCertificate, authentication } = s.spf;
    await using known = testClient(s.spf, clientCertificate);
    await using stranger = testClient(s.spf, await createClientCertificate('stranger'));
    const status = async (client: TestClient, root: string): Promise<number> =>
      (await client.send('GET', 'Clouds', { ...anonymous, root })).status;
    expect(await status(known, wapPublicRoot)).toBe(200);
    expect(await status(known, wapTenantRoot)).toBe(401);
    expect(await status(stranger, wapPublicRoot)).toBe(401);
    expect(await status(s.client, wapPublicRoot)).toBe(401);
    authentication.forgetCertificate(new X509Certificate(clientCertificate.cert).raw);
    expect(await status(known, wapPublicRoot)).toBe(401);
  });
});
