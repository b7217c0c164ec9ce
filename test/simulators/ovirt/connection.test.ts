import { describe, expect, it } from 'vitest';
import { type OvirtSimulator, startOvirtSimulator } from './simulator.ts';
import { type Answer, TestClient } from './test-client.ts';

const form = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' };

function login(engine: OvirtSimulator, fields: Record<string, string> = {}, headers = {}): Promise<Answer> {
  const { username, password } = engine;
  const all = { grant_type: 'password', scope: 'ovirt-app-api', username, password, ...fields };
  return new TestClient(engine).post('/ovirt-engine/sso/oauth/token', new URLSearchParams(all).toString(), {
    ...form,
    ...headers,
  });
}

describe('single sign-on', () => {
  it('gives a token, which an API call may use until it is dropped', async () => {
    await using engine = await startOvirtSimulator({ username: 'admin@ovirt@internalsso' });
    const { status, body } = await login(engine);
    expect([status, body]).toEqual([
      200,
      {
        access_token: expect.any(String),
        scope: 'ovirt-app-api',
        exp: '9223372036854775807',
        token_type: 'bearer',
      },
    ]);
    const authorization = `Bearer ${body?.access_token}`;
    const client = new TestClient(engine, { Authorization: authorization });
    expect((await client.get('vms')).status).toBe(200);
    engine.faults.add({ kind: 'session-lost', operation: 'Vms_List', times: 1 });
    const refused = await client.get('vms');
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Basic realm="RESTAPI"']);
    expect(refused.headers['content-type']).toMatch(/^text\/html/);
    expect(engine.logins.open()).toEqual({ tokens: 0, sessions: 0 });
  });

  it('drops what is not used', async () => {
    await using engine = await startOvirtSimulator({ idleSeconds: 0 });
    const authorization = `Bearer ${(await login(engine)).body?.access_token}`;
    expect((await new TestClient(engine, { Authorization: authorization }).get('vms')).status).toBe(401);
  });

  it('logs out', async () => {
    await using engine = await startOvirtSimulator();
    const token = String((await login(engine)).body?.access_token);
    const body = new URLSearchParams({ scope: 'ovirt-app-api', token }).toString();
    const answer = await new TestClient(engine).post('/ovirt-engine/services/sso-logout', body, form);
    expect([answer.status, answer.body, engine.logins.open().tokens]).toEqual([200, {}, 0]);
  });

  it.each([
    ['4.5.4', 400],
    ['4.2.8', 400],
    ['4.1.9', 200],
    ['4.0.6', 200],
  ])('of engine %s tells of a wrong password with status %i', async (version, status) => {
    await using engine = await startOvirtSimulator({ version });
    const wrong = await login(engine, { password: 'wrong' });
    expect([wrong.status, wrong.body]).toEqual([
      status,
      { error_code: 'access_denied', error: expect.stringContaining('Cannot authenticate user') },
    ]);
    expect(engine.contractViolations).toEqual([]);
  });

  it.each([
    ['a list of types is accepted', {}, { Accept: 'application/json, */*' }, 'invalid_request'],
    ['the grant is unknown', { grant_type: 'client_credentials' }, {}, 'unsupported_grant_type'],
    ['the scope is another', { scope: 'openid' }, {}, 'invalid_scope'],
  ])('refuses a request when %s', async (_, fields, headers, code) => {
    await using engine = await startOvirtSimulator();
    const { status, body } = await login(engine, fields, headers);
    expect(status).toBe(400);
    expect([body?.error_code, body?.error]).toContain(code);
    expect(engine.contractViolations).toHaveLength(1);
  });

  it('may answer in a list of one, and with a number too large for JavaScript', async () => {
    await using engine = await startOvirtSimulator({
      version: '4.0.6',
      behaviour: { tokenAnswerInList: true },
    });
    const { text } = await login(engine);
    expect(text).toMatch(/^\[\{"access_token":"[\w-]+",.*"exp":9223372036854775807,/);
  });
});

describe('a persistent session', () => {
  const prefer = { Prefer: 'persistent-auth' };

  it.each(['3.6', '4.3.10'])(
    'of engine %s lives by cookie, and ends with a request that does not ask for it',
    async (version) => {
      await using engine = await startOvirtSimulator({ version });
      const first = await new TestClient(engine).get('vms', prefer);
      const cookie = first.headers['set-cookie']?.[0] ?? '';
      expect(cookie).toMatch(/^JSESSIONID=[\w-]+; Path=\/ovirt-engine\/api$/);
      expect(first.headers.jsessionid !== undefined).toBe(version === '3.6');
      const client = new TestClient(engine, { Authorization: '', Cookie: cookie.split(';')[0] ?? '' });
      expect((await client.get('vms', prefer)).status).toBe(200);
      expect((await client.get('vms')).status).toBe(200);
      expect((await client.get('vms', prefer)).status).toBe(401);
      expect(engine.logins.open().sessions).toBe(0);
    },
  );

  it('demands the id in a header when protection was asked for', async () => {
    await using engine = await startOvirtSimulator({ version: '3.6' });
    const guarded = { Prefer: 'persistent-auth, csrf-protection' };
    const first = await new TestClient(engine).get('vms', guarded);
    const id = String(first.headers.jsessionid);
    const client = new TestClient(engine, { Authorization: '', Cookie: `JSESSIONID=${id}`, ...guarded });
    expect((await client.get('vms')).status).toBe(403);
    expect((await client.get('vms', { JSESSIONID: id })).status).toBe(200);
  });
});

describe('the API root', () => {
  it.each([
    ['4.5.4', {}, { major: '4', minor: '5', build: '4', revision: '0' }],
    ['4.3.10', { Version: '3' }, { major: '4', minor: '3', build: '10', revision: '0' }],
    ['3.5.6', {}, { major: '3', minor: '5', build: '6', revision: '0' }],
  ])('of engine %s tells its release (%o)', async (version, headers, expected) => {
    await using engine = await startOvirtSimulator({ version });
    const { status, body, text } = await new TestClient(engine).get('', headers);
    expect(status).toBe(200);
    expect(body).toMatchObject({ api: { product_info: { version: expected } } });
    // Attributes in v3, elements in v4.
    expect(text.includes('<major>')).toBe(version === '4.5.4');
    expect((await new TestClient(engine, { Authorization: 'Basic eDp5' }).get('')).status).toBe(401);
  });

  it.each([
    ['4.3.10', '/ovirt-engine/api/v3', {}, 200],
    ['4.3.10', '/ovirt-engine/api/v4', { Version: '3' }, 200],
    ['4.3.10', '/ovirt-engine/api', { Version: '7' }, 400],
    ['4.3.10', '/api', {}, 404],
    ['4.4.10', '/ovirt-engine/api', { Version: '3' }, 404],
    ['4.4.10', '/ovirt-engine/api', { Version: '4' }, 200],
    ['3.0', '/api', {}, 200],
    ['3.0', '/ovirt-engine/api', {}, 404],
    ['3.6', '/api', { Version: '4' }, 200],
    ['3.6', '/ovirt-engine/api/v3', {}, 404],
  ])('of engine %s is asked for at %s with %o: %i', async (version, path, headers, status) => {
    await using engine = await startOvirtSimulator({ version });
    expect((await new TestClient(engine).get(path, headers)).status).toBe(status);
    expect(engine.contractViolations).toEqual([]);
  });

  it('has links that point elsewhere on 3.6', async () => {
    await using engine = await startOvirtSimulator({ version: '3.6' });
    const { id } = engine.addVm({ name: 'web' });
    expect((await new TestClient(engine).get('vms')).text).toContain(`href="/api/vms/${id}"`);
  });
});

describe('the certificate authority', () => {
  const path = '/ovirt-engine/services/pki-resource';

  it('can be asked for without a login, and is the wrong one when the certificate was replaced', async () => {
    await using engine = await startOvirtSimulator();
    const anonymous = new TestClient(engine, { Authorization: '' });
    const answer = await anonymous.get(`${path}?resource=ca-certificate&format=X509-PEM-CA`);
    expect([answer.status, answer.text]).toEqual([200, engine.caPem]);
    expect((await anonymous.get(`${path}?resource=other&format=X509-PEM-CA`)).status).toBe(400);
    await using replaced = await startOvirtSimulator({ foreignCertificate: true });
    await expect(new TestClient(replaced).get('vms')).rejects.toThrow(/certificate/);
  });
});
