import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AzureSimulator, startAzureSimulator } from './simulator.ts';
import { type RawAnswer, type TestClient, testClient, version } from './test-client.ts';

let simulator: AzureSimulator;
let client: TestClient;
let dispatcher: Agent;

beforeEach(async () => {
  simulator = await startAzureSimulator();
  client = testClient(simulator);
  dispatcher = new Agent({ connect: { ca: simulator.caPem } });
  const vm = simulator.addVm({ name: 'web' });
  simulator.addCollection({ name: 'local', sourceId: vm.id });
});

afterEach(async () => {
  await dispatcher.destroy();
  await client[Symbol.asyncDispose]();
  await simulator.close();
});

const get = (token?: string): Promise<RawAnswer> =>
  client.send(
    'GET',
    `${client.provider}/restorePointCollections/local?${version}`,
    token === undefined ? {} : { token },
  );
const codeOf = (answer: RawAnswer): string => (answer.json as { error: { code: string } }).error.code;

async function signIn(
  changes: Record<string, string>,
  tenant = simulator.tenantId,
): Promise<[number, unknown]> {
  const form = {
    grant_type: 'client_credentials',
    client_id: simulator.clientId,
    client_secret: simulator.clientSecret,
    scope: 'https://management.azure.com/.default',
    ...changes,
  };
  const answer = await request(`${simulator.authorityUrl}/${tenant}/oauth2/v2.0/token`, {
    dispatcher,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
  const body = (await answer.body.json()) as { error_codes?: number[]; expires_in?: number };
  return [answer.statusCode, body.error_codes?.[0] ?? body.expires_in];
}

describe('the authority', () => {
  it.each([
    ['a wrong secret', { client_secret: 'wrong' }, 401, 7000215],
    ['an unknown application', { client_id: 'none' }, 400, 700016],
    ['an unknown resource', { scope: 'https://example.org/.default' }, 400, 500011],
    ['a scope that is no default one', { scope: 'user_impersonation' }, 400, 70011],
    ['another grant', { grant_type: 'password' }, 400, 70003],
  ])('refuses %s', async (_what, changes, status, code) => {
    expect(await signIn(changes)).toEqual([status, code]);
  });

  it('refuses an unknown tenant', async () => {
    expect(await signIn({}, 'none')).toEqual([400, 90002]);
  });

  it.each([
    'https://management.azure.com/.default',
    'https://management.azure.com//.default',
    'https://management.core.windows.net//.default',
  ])('takes the scope %s', async (scope) => {
    expect(await signIn({ scope })).toEqual([200, 3599]);
  });

  it('answers discovery with URLs of its own', async () => {
    const send = async (path: string): Promise<unknown> =>
      (await request(`${simulator.authorityUrl}${path}`, { dispatcher })).body.json();
    const tenant = `${simulator.authorityUrl}/${simulator.tenantId}`;
    const configuration = await send(`/${simulator.tenantId}/v2.0/.well-known/openid-configuration`);
    expect(configuration).toMatchObject({
      token_endpoint: `${tenant}/oauth2/v2.0/token`,
      issuer: `${tenant}/v2.0`,
    });
    expect(await send('/common/discovery/instance?api-version=1.1')).toMatchObject({
      tenant_discovery_endpoint: `${tenant}/v2.0/.well-known/openid-configuration`,
    });
  });

  it('is told by the metadata of ARM, without a token', async () => {
    const send = async (apiVersion: string): Promise<unknown> => {
      const answer = await request(
        `${simulator.resourceManagerUrl}/metadata/endpoints?api-version=${apiVersion}`,
        {
          dispatcher,
        },
      );
      return answer.body.json();
    };
    const authentication = { loginEndpoint: `${simulator.authorityUrl}/` };
    expect(await send('1.0')).toMatchObject({ authentication });
    expect(await send('2019-05-01')).toMatchObject([{ authentication }]);
  });
});

describe('ARM', () => {
  it('asks for a token', async () => {
    const answer = await request(
      `${simulator.resourceManagerUrl}${client.provider}/restorePointCollections?${version}`,
      { dispatcher },
    );
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toContain(simulator.authorityUrl);
    await answer.body.dump();
  });

  it('refuses a token that is none, one that has expired, and one that was revoked', async () => {
    expect((await get()).status).toBe(200);
    const forged = await get('eyJhbGciOiJub25lIn0.e30.x');
    expect([forged.status, codeOf(forged)]).toEqual([401, 'InvalidAuthenticationToken']);
    simulator.identity.tokenLifetimeSeconds = 0;
    const expired = await get(await client.token());
    expect([expired.status, codeOf(expired)]).toEqual([401, 'ExpiredAuthenticationToken']);
    expect(expired.headers['www-authenticate']).toMatch(/^Bearer authorization_uri=.*error="invalid_token"/);
    simulator.identity.revokeTokens();
    expect((await get()).status).toBe(401);
  });

  it('refuses a token for another audience', async () => {
    const principal = { clientId: simulator.clientId, objectId: 'o' };
    const { token } = simulator.identity.issue(principal, 'https://graph.microsoft.com', 'client_secret');
    const answer = await get(token);
    expect([answer.status, codeOf(answer)]).toEqual([401, 'InvalidAuthenticationTokenAudience']);
  });

  it('refuses what the caller may not do, in its words, until it may', async () => {
    simulator.authorization.deny({ action: 'Microsoft.Compute/restorePointCollections/read' });
    const answer = await get();
    expect([answer.status, codeOf(answer)]).toEqual([403, 'AuthorizationFailed']);
    expect(answer.text).toContain(
      `The client '${simulator.clientId}' with object id '${simulator.identity.clients.get(simulator.clientId)?.objectId}' ` +
        "does not have authorization to perform action 'Microsoft.Compute/restorePointCollections/read' over scope",
    );
    simulator.authorization.allow('Microsoft.Compute/restorepointcollections/READ');
    expect((await get()).status).toBe(200);
  });

  it('refuses a collection of a VM that the caller may not read', async () => {
    simulator.authorization.deny({ action: 'Microsoft.Compute/virtualMachines/read' });
    const answer = await client.send('PUT', `${client.provider}/restorePointCollections/new?${version}`, {
      body: { location: 'eastus', properties: { source: { id: `${client.provider}/virtualMachines/web` } } },
    });
    expect([answer.status, codeOf(answer)]).toEqual([403, 'LinkedAuthorizationFailed']);
  });

  it('can refuse polling alone, which is at the scope of the subscription', async () => {
    const path = `${client.provider}/restorePointCollections/local/restorePoints/p?${version}`;
    const { headers } = await client.send('PUT', path, { body: {} });
    simulator.authorization.deny({ action: 'Microsoft.Compute/locations/operations/read' });
    const poll = await client.send('GET', String(headers['azure-asyncoperation']));
    expect([poll.status, codeOf(poll)]).toEqual([403, 'AuthorizationFailed']);
    expect((await client.send('GET', path)).status).toBe(200);
  });

  it('refuses a subscription that has not registered the provider', async () => {
    simulator.setRegistered(false);
    const answer = await get();
    expect([answer.status, codeOf(answer)]).toEqual([409, 'MissingSubscriptionRegistration']);
  });

  it('echoes the ids of a request', async () => {
    const headers = {
      'x-ms-client-request-id': '7a0c2c4e-8d6b-4f0e-9a51-4d1f2f3c4b5a',
      'x-ms-return-client-request-id': 'true',
      'x-ms-correlation-request-id': '0f8fad5b-d9cb-469f-a165-70867728950e',
    };
    const answer = await client.send('GET', `${client.provider}/restorePointCollections/local?${version}`, {
      headers,
    });
    expect(answer.headers).toMatchObject({
      'x-ms-client-request-id': headers['x-ms-client-request-id'],
      'x-ms-correlation-request-id': headers['x-ms-correlation-request-id'],
      'x-ms-request-id': expect.any(String) as string,
      'x-ms-routing-request-id': expect.any(String) as string,
    });
  });

  it('is not trusted with a certificate of a foreign authority', async () => {
    await using foreign = await startAzureSimulator({ foreignCertificate: true });
    await using stranger = testClient(foreign);
    await expect(stranger.token()).rejects.toThrow(/certificate/);
  });
});

describe('the managed identity endpoint', () => {
  const path =
    '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/';

  it('wants its header, and gives a token that ARM takes', async () => {
    const without = await request(`${simulator.managedIdentityUrl}${path}`);
    expect(without.statusCode).toBe(400);
    await without.body.dump();
    const answer = await request(`${simulator.managedIdentityUrl}${path}`, { headers: { Metadata: 'true' } });
    const body = (await answer.body.json()) as { access_token: string; expires_in: string };
    expect(body.expires_in).toBe('3599');
    expect((await get(body.access_token)).status).toBe(200);
  });
});
