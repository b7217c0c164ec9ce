import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AzureSimulator, startAzureSimulator } from './simulator.ts';
import { type RawOptions, type TestClient, testClient, version } from './test-client.ts';

let simulator: AzureSimulator;
let client: TestClient;
let vmId: string;

beforeAll(async () => {
  simulator = await startAzureSimulator({ throttling: false, verifyAnswers: true });
  client = testClient(simulator);
  vmId = simulator.addVm({ name: 'web', dataDisks: [{}] }).id;
  simulator.addCollection({ name: 'local', sourceId: vmId });
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await simulator.close();
});

afterEach(() => simulator.resetCounts());

type Method = 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';

const collection = '/restorePointCollections/new';
const point = '/restorePointCollections/local/restorePoints/new';

interface Case {
  wrong: string;
  method: Method;
  path: string;
  options?: RawOptions;
  status: number;
  code: string;
}

const cases: Case[] = [
  {
    wrong: 'no api-version',
    method: 'GET',
    path: collection,
    status: 400,
    code: 'MissingApiVersionParameter',
  },
  {
    wrong: 'an api-version that is no date',
    method: 'GET',
    path: `${collection}?api-version=latest`,
    status: 400,
    code: 'InvalidApiVersionParameter',
  },
  {
    wrong: 'an api-version that nobody knows',
    method: 'GET',
    path: `${collection}?api-version=2024-07-02`,
    status: 400,
    code: 'NoRegisteredProviderFound',
  },
  {
    wrong: 'the Compute version at DiskRP',
    method: 'GET',
    path: `${point}/diskRestorePoints?${version}`,
    status: 400,
    code: 'NoRegisteredProviderFound',
  },
  {
    wrong: '2021-03-01 when it was not asked for',
    method: 'GET',
    path: `${collection}?api-version=2021-03-01`,
    status: 400,
    code: 'NoRegisteredProviderFound',
  },
  {
    wrong: 'an unknown query parameter',
    method: 'GET',
    path: `${collection}?${version}&expand=restorePoints`,
    status: 400,
    code: 'InvalidQueryParameter',
  },
  {
    wrong: 'a query parameter given twice',
    method: 'GET',
    path: `${collection}?${version}&${version}`,
    status: 400,
    code: 'InvalidQueryParameter',
  },
  {
    wrong: 'an expansion that the operation does not have',
    method: 'GET',
    path: `${collection}?${version}&$expand=instanceView`,
    status: 400,
    code: 'InvalidParameter',
  },
  {
    wrong: 'a list of restore points, which there is not',
    method: 'GET',
    path: `/restorePointCollections/local/restorePoints?${version}`,
    status: 404,
    code: 'InvalidResourceType',
  },
  {
    wrong: 'a PATCH on a restore point',
    method: 'PATCH',
    path: `${point}?${version}`,
    options: { body: {} },
    status: 405,
    code: 'MethodNotAllowed',
  },
  {
    wrong: 'a body that is no JSON',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { rawBody: '{"properties":' },
    status: 400,
    code: 'InvalidRequestContent',
  },
  {
    wrong: 'a body of another type',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: {}, contentType: 'text/json' },
    status: 415,
    code: 'UnsupportedMediaType',
  },
  {
    wrong: 'a PUT without a body',
    method: 'PUT',
    path: `${point}?${version}`,
    status: 415,
    code: 'UnsupportedMediaType',
  },
  {
    wrong: 'a collection without a location',
    method: 'PUT',
    path: `${collection}?${version}`,
    options: { body: { properties: {} } },
    status: 400,
    code: 'LocationRequired',
  },
  {
    wrong: 'a collection without a source',
    method: 'PUT',
    path: `${collection}?${version}`,
    options: { body: { location: 'eastus' } },
    status: 400,
    code: 'InvalidParameter',
  },
  {
    wrong: 'tags on a restore point, which cannot carry them',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { tags: { owner: 'me' } } },
    status: 400,
    code: 'BadRequest',
  },
  {
    wrong: 'a location on a restore point',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { location: 'eastus' } },
    status: 400,
    code: 'BadRequest',
  },
  {
    wrong: 'an unknown property',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { properties: { description: 'nightly' } } },
    status: 400,
    code: 'BadRequest',
  },
  {
    wrong: 'provisioningState, although a documented sample sends it',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { properties: { provisioningState: 'Succeeded' } } },
    status: 400,
    code: 'InvalidParameter',
  },
  {
    wrong: 'the read-only name',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { name: 'new' } },
    status: 400,
    code: 'InvalidParameter',
  },
  {
    wrong: 'timeCreated, which is the service to set',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { properties: { timeCreated: '2026-01-01T00:00:00Z' } } },
    status: 400,
    code: 'InvalidParameter',
  },
  {
    wrong: 'a consistency mode that cannot be asked for',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { properties: { consistencyMode: 'ApplicationConsistent' } } },
    status: 400,
    code: 'InvalidParameter',
  },
  {
    wrong: 'a consistency mode in the spelling of the documentation prose',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { properties: { consistencyMode: 'crashConsistent' } } },
    status: 400,
    code: 'InvalidParameter',
  },
  {
    wrong: 'excluded disks as plain strings',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { properties: { excludeDisks: ['disk'] } } },
    status: 400,
    code: 'InvalidParameter',
  },
  {
    wrong: 'instant access before its version',
    method: 'PUT',
    path: `${point}?${version}`,
    options: { body: { properties: { instantAccessDurationMinutes: 120 } } },
    status: 400,
    code: 'BadRequest',
  },
  {
    wrong: 'encryption per disk before its version',
    method: 'PUT',
    path: `${point}?api-version=2022-11-01`,
    options: {
      body: {
        properties: {
          sourceMetadata: { storageProfile: { osDisk: { diskRestorePoint: { encryption: {} } } } },
        },
      },
    },
    status: 400,
    code: 'BadRequest',
  },
  {
    wrong: 'a name that is no resource name',
    method: 'PUT',
    path: `/restorePointCollections/local/restorePoints/a%20b?${version}`,
    options: { body: {} },
    status: 400,
    code: 'InvalidParameter',
  },
  {
    wrong: 'a skip token of its own making',
    method: 'GET',
    path: `/restorePointCollections?${version}&$skiptoken=50.abc`,
    status: 400,
    code: 'InvalidParameter',
  },
];

describe('a request that the contract does not allow', () => {
  it.each(cases)('is refused and recorded: $wrong', async ({ method, path, options, status, code }) => {
    const answer = await client.send(method, `${client.provider}${path}`, options);
    expect({ status: answer.status, code: codeOf(answer.json) }).toEqual({ status, code });
    expect(simulator.contractViolations.map((violation) => violation.code)).toEqual([code]);
    expect(simulator.points()).toEqual([]);
  });
});

describe('a request that the contract allows', () => {
  it('is recorded as no violation when the state of the cloud refuses it', async () => {
    const missing = await client.send('GET', `${client.provider}/restorePointCollections/none?${version}`);
    expect(missing.status).toBe(404);
    expect(missing.headers['x-ms-failure-cause']).toBe('gateway');
    expect(codeOf(missing.json)).toBe('ResourceNotFound');
    expect(simulator.contractViolations).toEqual([]);
  });

  it('may spell names in the path in any case', async () => {
    const path = client.provider.replace('resourceGroups/rg', 'RESOURCEGROUPS/RG');
    const answer = await client.send('GET', `${path}/restorepointcollections/LOCAL?${version}`);
    expect(answer.status).toBe(200);
    expect(simulator.contractViolations).toEqual([]);
  });

  it.each(['2022-03-01', '2023-03-01', '2024-11-01', '2025-11-01', '2026-04-01'])(
    'may have the api-version %s',
    async (apiVersion) => {
      const answer = await client.send(
        'GET',
        `${client.provider}/restorePointCollections/local?api-version=${apiVersion}`,
      );
      expect(answer.status).toBe(200);
      expect(simulator.answerViolations).toEqual([]);
    },
  );

  it('may ask for instant access from 2025-04-01 on', async () => {
    const path = `${client.provider}/restorePointCollections/local?api-version=2025-04-01`;
    const answer = await client.send('PATCH', path, { body: { properties: { instantAccess: true } } });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ properties: { instantAccess: true } });
    const older = await client.send('GET', path.replace('2025-04-01', '2024-07-01'));
    expect(older.json).not.toHaveProperty('properties.instantAccess');
    expect(simulator.answerViolations).toEqual([]);
  });
});

function codeOf(body: unknown): string | undefined {
  return (body as { error?: { code?: string } } | undefined)?.error?.code;
}
