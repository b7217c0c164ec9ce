import { afterEach, describe, expect, it } from 'vitest';
import type { AzureSimulatorOptions } from './options.ts';
import { type AzureSimulator, startAzureSimulator } from './simulator.ts';
import { type RawAnswer, type TestClient, testClient, version } from './test-client.ts';

let simulator: AzureSimulator;
let client: TestClient;

async function start(options: AzureSimulatorOptions = {}): Promise<void> {
  simulator = await startAzureSimulator(options);
  client = testClient(simulator);
  const vm = simulator.addVm({ name: 'web', createSeconds: 1 });
  simulator.addCollection({ name: 'local', sourceId: vm.id });
}

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await simulator.close();
});

const put = (name: string, properties: object = {}): Promise<RawAnswer> =>
  client.send('PUT', `${client.provider}/restorePointCollections/local/restorePoints/${name}?${version}`, {
    body: { properties },
  });
const get = (): Promise<RawAnswer> =>
  client.send('GET', `${client.provider}/restorePointCollections/local?${version}`);
const list = (): Promise<RawAnswer> =>
  client.send('GET', `${client.provider}/restorePointCollections?${version}`);
const remaining = (answer: RawAnswer): unknown => answer.headers['x-ms-ratelimit-remaining-resource'];

interface BareError {
  code: string;
  details: { code: string; target: string; message: string }[];
}

describe('what is left of the quotas', () => {
  it('is told for each policy that was charged, and for ARM', async () => {
    await start();
    const answer = await put('p');
    expect(remaining(answer)).toBe(
      'Microsoft.Compute/PutRestorePointResource;5,Microsoft.Compute/PutRestorePointSubscriptionMaximum;149,' +
        'Microsoft.Compute/CreateApplicationConsistentRestorePoint;2',
    );
    expect(answer.headers['x-ms-ratelimit-remaining-subscription-writes']).toBe('199');
    expect(answer.headers['x-ms-ratelimit-remaining-subscription-global-writes']).toBe('2999');
    expect(remaining(await get())).toBe('Microsoft.Compute/LowCostGetRestorePointSubscriptionMaximum;599');
    expect(remaining(await list())).toBe('Microsoft.Compute/HighCostGetRestorePointSubscriptionMaximum;149');
    const poll = await client.send('GET', String(answer.headers['azure-asyncoperation']));
    expect(remaining(poll)).toBe(
      'Microsoft.Compute/GetOperationResource;44,Microsoft.Compute/GetOperationSubscriptionMaximum;14999',
    );
  });

  it('may come in a header that is repeated', async () => {
    await start({ behaviour: { rateLimitHeader: 'repeated' } });
    expect(remaining(await put('p'))).toEqual([
      'Microsoft.Compute/PutRestorePointResource;5',
      'Microsoft.Compute/PutRestorePointSubscriptionMaximum;149',
      'Microsoft.Compute/CreateApplicationConsistentRestorePoint;2',
    ]);
  });
});

describe('beyond a quota', () => {
  it('three application consistent and three crash consistent creates of a VM are taken in an hour', async () => {
    await start();
    for (const name of ['a', 'b', 'c']) {
      expect((await put(name)).status).toBe(201);
      simulator.skip(61);
    }
    const refused = await put('d');
    expect(refused.status).toBe(429);
    const error = refused.json as BareError;
    expect(error.code).toBe('OperationNotAllowed');
    expect(error.details[0]?.code).toBe('TooManyRequests');
    expect(error.details[0]?.target).toBe('CreateApplicationConsistentRestorePoint');
    expect(JSON.parse(error.details[0]?.message ?? '')).toMatchObject({
      operationGroup: 'CreateApplicationConsistentRestorePoint',
      allowedRequestCount: 3,
      measuredRequestCount: 4,
    });
    const wait = Number(refused.headers['retry-after']);
    expect(wait).toBeGreaterThan(3300);
    expect((await put('d', { consistencyMode: 'CrashConsistent' })).status).toBe(201);
    simulator.skip(60);
    const again = await put('e');
    expect(again.status).toBe(429);
    expect(Number(again.headers['retry-after'])).toBeLessThan(wait);
    simulator.skip(wait);
    expect((await put('e')).status).toBe(201);
    expect(simulator.contractViolations).toEqual([]);
  });

  it('a bucket is full again after a minute', async () => {
    await start({ throttling: { LowCostGetRestorePointSubscriptionMaximum: { requests: 2 } } });
    expect((await get()).status).toBe(200);
    expect((await get()).status).toBe(200);
    const refused = await get();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
    simulator.skip(60);
    expect((await get()).status).toBe(200);
  });

  it('the error may be in its envelope, and ARM has a form of its own', async () => {
    await start({
      behaviour: { throttleBody: 'wrapped' },
      throttling: {
        'subscription-reads': { requests: 2 },
        LowCostGetRestorePointSubscriptionMaximum: { requests: 1 },
      },
    });
    expect((await get()).status).toBe(200);
    expect((await get()).json).toMatchObject({ error: { code: 'OperationNotAllowed' } });
    expect((await list()).status).toBe(200);
    const refused = await list();
    expect(refused.status).toBe(429);
    expect(refused.json).toMatchObject({ error: { code: 'SubscriptionRequestsThrottled' } });
  });

  it('nothing is refused when throttling is off', async () => {
    await start({ throttling: false });
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      expect((await put(name)).status).toBe(201);
      simulator.skip(2);
    }
  });
});
