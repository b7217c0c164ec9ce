/**
 * Negotiate against a real key distribution centre: `npx node test/kerberos/main.ts`. It needs MIT's programs (Debian:
 * krb5-kdc, krb5-admin-server) and the npm package kerberos, which is no dependency (`npm install --no-save kerberos`,
 * with libkrb5-dev where it has to be built); so it is no part of `npm test`.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createSender, type Sender } from '../../src/providers/spf/authentication/sender.ts';
import { parseServiceRoot } from '../../src/providers/spf/service-root.ts';
import type { KerberosAcceptor } from '../simulators/spf/options.ts';
import { startSpfSimulator } from '../simulators/spf/simulator.ts';
import { type KDC, startKDC } from './kdc.ts';

/** The side of the server, of the same package. */
interface KerberosServer {
  username: string | null;
  response: string | null;
  contextComplete: boolean;
  step(token: string): Promise<unknown>;
}

await using kdc = await startKDC();
const service = await kdc.addPrincipal('HTTP/localhost');
const [one, other] = [await kdc.addPrincipal('keyframe-one'), await kdc.addPrincipal('keyframe-other')];
process.env.KRB5_CONFIG = kdc.configuration;
process.env.KRB5_KTNAME = `FILE:${service.keytabFile}`;

await using spf = await startSpfSimulator({ hostname: 'localhost' });
const users: string[] = [];
spf.acceptKerberos(await acceptor());
const vm = spf.addVm({ name: 'web' });
const root = parseServiceRoot(spf.adminRoot);
const foldersBefore = folders();

const senders: Sender[] = [];
try {
  const sender = senderOf(one);
  await check('a write with a ticket, and a read over the same connection without one', async () => {
    assert.equal(await statusOf(sender, 'POST'), 201);
    assert.equal(await statusOf(sender, 'GET'), 200);
    assert.deepEqual(users, [one.principal]);
    assert.equal(spf.everCreated().length, 1);
    assert.deepEqual(spf.contractViolations, []);
  });
  await check('two principals at once, each with its own tickets', async () => {
    users.length = 0;
    spf.authentication.forgetConnections();
    const second = senderOf(other);
    assert.deepEqual(await Promise.all([statusOf(sender, 'GET'), statusOf(second, 'GET')]), [200, 200]);
    assert.deepEqual(users.toSorted(), [one.principal, other.principal]);
  });
  await check(
    "a keytab of another principal's is of no use, though there are tickets for that name",
    async () => {
      const result = await senderOf({ principal: one.principal, keytab: other.keytab }).send(request('GET'));
      assert.ok(!result.ok && 'without' in result, JSON.stringify(result));
      assert.equal(result.without.error.code, 'NoTicket');
      console.log(`    ${result.without.error.message}`);
    },
  );
  await check('without the key distribution centre there is no ticket, and nothing is sent', async () => {
    await kdc.stop();
    spf.resetCounts();
    const result = await senderOf(one).send(request('POST'));
    assert.ok(!result.ok && 'failure' in result, JSON.stringify(result));
    assert.equal(result.failure.error.code, 'KDCUnreachable');
    assert.equal(result.failure.sent, false);
    assert.deepEqual(spf.counts(), {});
    console.log(`    ${result.failure.error.message}`);
  });
} finally {
  await Promise.all(senders.map((sender) => sender.close()));
}
await check('nothing is left of the keytabs', async () => {
  assert.deepEqual(folders(), foldersBefore);
});

function senderOf({
  principal,
  keytab,
}: Pick<Awaited<ReturnType<KDC['addPrincipal']>>, 'principal' | 'keytab'>): Sender {
  const sender = createSender({
    auth: { negotiate: { principal, keytab } },
    root,
    tls: { caBundle: spf.caPem },
    maxConnections: 2,
    monotonic: () => performance.now(),
  });
  senders.push(sender);
  return sender;
}

function request(method: 'GET' | 'POST') {
  const headers = { accept: 'application/json', 'x-ms-principal-id': 'user@contoso.com' };
  const timeoutMs = 30_000;
  if (method === 'GET') return { method, url: `${root.url}Clouds`, headers, timeoutMs };
  const body = JSON.stringify({ VMId: vm.id, StampId: vm.stampId });
  const url = `${root.url}VMCheckPoints`;
  return { method, url, headers: { ...headers, 'content-type': 'application/json' }, body, timeoutMs };
}

async function statusOf(sender: Sender, method: 'GET' | 'POST'): Promise<number> {
  const result = await sender.send(request(method));
  assert.ok(result.ok, JSON.stringify(result));
  return result.response.status;
}

async function acceptor(): Promise<KerberosAcceptor> {
  // By a variable, as the types are not there where the package is not.
  const name = 'kerberos';
  const { default: kerberos } = (await import(name)) as {
    default: { initializeServer(service: string): Promise<KerberosServer> };
  };
  return async (token) => {
    const server = await kerberos.initializeServer('HTTP@localhost');
    try {
      await server.step(token.toString('base64'));
    } catch (error) {
      console.error('the server refuses the token:', error);
      return undefined;
    }
    if (!server.contextComplete || server.username === null) return undefined;
    users.push(server.username);
    return { user: server.username };
  };
}

function folders(): string[] {
  return readdirSync('/dev/shm').filter((name) => name.startsWith(`keyframe-krb5-${process.pid}-`));
}

async function check(name: string, act: () => Promise<void>): Promise<void> {
  await act();
  console.log(`ok  ${name}`);
}
