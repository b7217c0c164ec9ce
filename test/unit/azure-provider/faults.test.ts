import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AzureFault } from '../../simulators/azure/faults.ts';
import { askUntil, impatient, must, read, write } from '../../support/provider-calls.ts';
import { type Bench, startBench } from './setup.ts';

let bench: Bench;
let id: string;
beforeEach(async () => {
  bench = await startBench();
  id = bench.collection('local');
  bench.azure.addCollection({ name: 'local', sourceId: bench.vmID });
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const create = (name = 'p', provider = bench.provider) =>
  provider.createSnapshot({ containerID: id, name, location: 'eastus' }, write());
const list = (provider = bench.provider) => provider.listSnapshots(id, read());
/** One that gives up soon, where no answer comes. */
const providerFor = ({ kind }: AzureFault) =>
  kind === 'hang' ? bench.connect({ limits: impatient }) : bench.provider;
const operation = 'RestorePoints_Create';

describe('a write that may have had its effect is Unknown, and is not sent again', () => {
  test.each<{ fault: string; add: AzureFault; made: number }>([
    { fault: 'the answer is lost', add: { kind: 'lost-answer' }, made: 1 },
    { fault: 'the body breaks off', add: { kind: 'truncated-body' }, made: 1 },
    { fault: 'the body is no JSON', add: { kind: 'malformed-body' }, made: 1 },
    { fault: 'the connection is reset', add: { kind: 'reset' }, made: 0 },
    { fault: 'no answer comes', add: { kind: 'hang' }, made: 0 },
    { fault: 'a gateway answers 502', add: { kind: 'respond', status: 502, body: '<html>' }, made: 0 },
    {
      fault: 'a 500 follows the effect',
      add: { kind: 'respond', status: 500, when: 'after-effect' },
      made: 1,
    },
    { fault: 'the answer is huge', add: { kind: 'huge-body', bytes: 20_000_000 }, made: 1 },
  ])('$fault', async ({ add, made }) => {
    bench.azure.faults.add({ operation, ...add });
    const provider = providerFor(add);
    const outcome = await askUntil(
      () => bench.azure.counts()[operation] !== undefined,
      () => create('p', provider),
    );
    expect(outcome).toMatchObject({ kind: 'Unknown' });
    expect(bench.azure.counts()[operation]).toBe(1);
    expect(bench.azure.everCreated()).toHaveLength(made);
  });
});

describe('a read without a usable answer is Unavailable', () => {
  test.each<AzureFault>([
    { kind: 'lost-answer' },
    { kind: 'truncated-body' },
    { kind: 'malformed-body' },
    { kind: 'reset' },
    { kind: 'hang' },
    { kind: 'respond', status: 503, headers: { 'Retry-After': '7' } },
    { kind: 'respond', status: 200, body: '<html>Please sign in</html>' },
    { kind: 'respond', status: 302, headers: { Location: 'https://elsewhere.example/' } },
    { kind: 'huge-body', bytes: 20_000_000 },
  ])('%o', async (fault) => {
    bench.azure.faults.add({ operation: 'RestorePointCollections_Get', ...fault });
    expect(await list(providerFor(fault))).toMatchObject({ kind: 'Unavailable' });
  });
});

test.each([200, 202])('the sign-in page of a proxy with a %i is no removal', async (status) => {
  bench.azure.faults.add({ kind: 'respond', status, body: '<html>Please sign in</html>', method: 'DELETE' });
  const point = { id: `${id}/restorePoints/p`, containerID: id };
  for (const outcome of [
    await bench.provider.deleteSnapshot(point, write()),
    await bench.provider.deleteCollection(id, write()),
  ]) {
    expect(outcome).toMatchObject({ kind: 'Unknown', error: { code: 'MalformedAnswer', status } });
  }
});

describe('the next page of a list', () => {
  const operation = 'RestorePointCollections_List';
  const path = () =>
    `/subscriptions/${bench.azure.subscriptionId}/resourceGroups/rg/providers/Microsoft.Compute/restorePointCollections`;
  const linking = (nextLink: string) =>
    bench.azure.faults.add({
      kind: 'respond',
      status: 200,
      body: { value: [], nextLink },
      operation,
      times: 1,
    });

  test.each([
    ['on another host', 'https://attacker.example'],
    ['on another port', 'https://127.0.0.1:1'],
    ['of a user', 'https://user@127.0.0.1'],
    ['in clear text', 'http://127.0.0.1'],
    ['that is relative', ''],
  ])('%s is not asked for', async (_name, origin) => {
    linking(`${origin}${path()}?$skiptoken=1`);
    expect(await bench.provider.listCollections({ resourceGroup: 'rg' }, read())).toMatchObject({
      kind: 'Unavailable',
      error: { message: expect.stringContaining('leads away from the Resource Manager') },
    });
    expect(bench.azure.counts()[operation]).toBe(1);
  });
});

test('a write whose send window has passed is held back', async () => {
  const late = { ...write(), sendBefore: performance.now() - 1 };
  const outcome = await bench.provider.deleteCollection(id, late);
  expect(outcome).toMatchObject({ kind: 'NotSent', error: { code: 'SendWindowPassed' } });
  expect(bench.azure.counts().RestorePointCollections_Delete).toBeUndefined();
});

test('the send window counts from the call, however long the token takes', async () => {
  bench.azure.faults.add({ operation: 'Authority_Token', kind: 'latency', milliseconds: 300 });
  const short = { ...write(), sendBefore: performance.now() + 200 };
  expect(await bench.provider.deleteCollection(id, short)).toMatchObject({ kind: 'NotSent' });
});

test('an aborted call is given up at once', async () => {
  bench.azure.faults.add({ operation, kind: 'hang' });
  const controller = new AbortController();
  const call = bench.provider.createSnapshot(
    { containerID: id, name: 'p', location: 'eastus' },
    { signal: controller.signal, priority: 'Write' },
  );
  await vi.waitFor(() => expect(bench.azure.counts()[operation]).toBe(1), 20_000);
  controller.abort();
  expect(await call).toMatchObject({ kind: 'Unknown', error: { code: 'Aborted' } });
});

describe('throttling', () => {
  test.each(['bare', 'wrapped'] as const)(
    'a Compute 429 (%s) holds back its operations only',
    async (form) => {
      bench.azure.faults.add({ operation, kind: 'throttled', retryAfterSeconds: 1200, form, times: 1 });
      expect(await create()).toMatchObject({
        kind: 'Throttled',
        afterMs: 1_200_000,
        error: { code: 'TooManyRequests', target: 'PutRestorePointSubscriptionMaximum', status: 429 },
      });
      const again = await create();
      expect(again).toMatchObject({ kind: 'Throttled', error: { code: 'HeldBack' } });
      expect(bench.azure.counts()[operation]).toBe(1);
      expect((await list()).kind).toBe('Done');
    },
  );

  test("ARM's 429 holds back everything", async () => {
    bench.azure.faults.add({ operation, kind: 'throttled', retryAfterSeconds: 30, form: 'arm', times: 1 });
    expect(await create()).toMatchObject({ kind: 'Throttled', afterMs: 30_000 });
    expect(await list()).toMatchObject({ kind: 'Throttled', error: { code: 'HeldBack' } });
  });

  test.each(['joined', 'repeated'] as const)(
    'a quota that is used up (%s) holds back before Azure has to refuse',
    async (form) => {
      // The bucket must not be refilled meanwhile, as it is each simulated minute.
      await using slow = await startBench({ speed: 1, behaviour: { rateLimitHeader: form } });
      const [full, other] = ['local', 'other'].map(
        (name) => slow.azure.addCollection({ name, sourceId: slow.vmID }).id,
      );
      const update = (collection = '') => slow.provider.updateCollectionTags(collection, {}, write());
      for (let index = 0; index < 15; index++) expect((await update(full)).kind).toBe('Done');
      expect(await update(full)).toMatchObject({ kind: 'Throttled', error: { code: 'HeldBack' } });
      expect(slow.azure.counts().RestorePointCollections_Update).toBe(15);
      expect((await update(other)).kind).toBe('Done');
    },
  );
});

describe('404', () => {
  test('the provider says that the point is absent', async () => {
    expect(
      await bench.provider.getSnapshot(
        { id: `${id}/restorePoints/none`, containerID: '' },
        { progress: false },
        read(),
      ),
    ).toMatchObject({
      kind: 'NotFound',
      what: 'Object',
    });
  });

  test('the collection of the point is absent', async () => {
    const point = `${bench.collection('none')}/restorePoints/p`;
    expect(
      await bench.provider.getSnapshot({ id: point, containerID: '' }, { progress: false }, read()),
    ).toMatchObject({
      kind: 'NotFound',
      what: 'Parent',
    });
  });

  test('the front door does not know it, which proves nothing', async () => {
    bench.azure.faults.add({ kind: 'gateway-not-found' });
    expect(await bench.provider.getCollection(id, { points: false }, read())).toMatchObject({
      kind: 'NotFound',
      what: 'Unproven',
    });
  });

  test('the source of a collection is absent', async () => {
    const target = { id: bench.collection('new'), location: 'eastus', tags: {}, sourceID: `${bench.vmID}x` };
    expect(await bench.provider.createCollection(target, write())).toMatchObject({
      kind: 'NotFound',
      what: 'Parent',
    });
  });
});

test('a second point of one VM waits for the first', async () => {
  bench.azure.updateVm(bench.vmID, { createSeconds: 3600 });
  expect((await create('a')).kind).toBe('Pending');
  expect(await create('b')).toMatchObject({ kind: 'Conflict', retry: 'Later' });
});

test('the limit of restore points is told as such', async () => {
  for (let index = 0; index < 500; index++) bench.azure.addPoint({ collectionId: id, name: `p${index}` });
  expect(await create('over')).toMatchObject({ kind: 'LimitReached', limit: 'Snapshots' });
  expect(must(await list())).toHaveLength(500);
});

test('an operation that failed tells why, and reading it is no failure', async () => {
  bench.azure.faults.add({
    operation,
    kind: 'operation-failed',
    code: 'VMAgentStatusCommunicationError',
    message: 'The agent is silent.',
  });
  const { token } = must(await create());
  await vi.waitFor(async () => {
    expect(must(await bench.provider.getOperation(token ?? '', read()))).toMatchObject({
      state: 'Failed',
      failure: { kind: 'Failed', transient: false, error: { code: 'VMAgentStatusCommunicationError' } },
    });
  }, 20_000);
});

test('the signed polling URL comes back byte for byte, with Location alone as well', async () => {
  bench.azure.faults.add({ operation, kind: 'operation-stuck' });
  const { token = '' } = must(await create());
  expect(token.length).toBeGreaterThan(2_500);
  // The simulator refuses it when a byte of the query differs.
  expect(must(await bench.provider.getOperation(token, read())).state).toBe('Running');
  const url = token.slice('status:'.length);
  expect(must(await bench.provider.getOperation(`location:${url}&monitor=true`, read())).state).toBe(
    'Running',
  );
  expect(bench.azure.contractViolations).toEqual([]);
});

test('an answer with Location alone is watched by it', async () => {
  bench.azure.addPoint({ collectionId: id, name: 'a' });
  const url = `${bench.azure.resourceManagerUrl}/subscriptions/x/operations/1?monitor=true`;
  bench.azure.faults.add({
    operation: 'RestorePoints_Delete',
    kind: 'respond',
    status: 202,
    headers: { Location: url, 'Retry-After': '15' },
  });
  expect(
    await bench.provider.deleteSnapshot({ id: `${id}/restorePoints/a`, containerID: '' }, write()),
  ).toEqual({
    kind: 'Pending',
    value: { token: `location:${url}` },
    afterMs: 15_000,
  });
});

test('a polling URL elsewhere is not kept', async () => {
  bench.azure.addPoint({ collectionId: id, name: 'a' });
  bench.azure.faults.add({
    operation: 'RestorePoints_Delete',
    kind: 'respond',
    status: 202,
    headers: { 'Azure-AsyncOperation': 'https://attacker.example/operation', Location: 'nonsense' },
  });
  expect(
    await bench.provider.deleteSnapshot({ id: `${id}/restorePoints/a`, containerID: '' }, write()),
  ).toEqual({
    kind: 'Pending',
    value: {},
  });
});

test.each([
  'status:https://attacker.example/subscriptions/x',
  'status:http://127.0.0.1/x',
  'https://127.0.0.1/',
  'status:',
  '',
])('no credentials go to the operation token %j', async (token) => {
  expect(await bench.provider.getOperation(token, read())).toMatchObject({ kind: 'Invalid' });
  expect(bench.azure.requests).toEqual([]);
});

test('a next page elsewhere, or one that was seen, makes the list a failure', async () => {
  const operation = 'RestorePointCollections_ListAll';
  const page = (nextLink: string) =>
    ({ operation, kind: 'respond', status: 200, body: { value: [], nextLink }, times: 2 }) as const;
  bench.azure.faults.add({ ...page('https://attacker.example/next'), times: 1 });
  expect(await bench.provider.listCollections({}, read())).toMatchObject({
    kind: 'Unavailable',
    error: { code: 'MalformedAnswer' },
  });
  const { resourceManagerUrl, subscriptionId } = bench.azure;
  const same = `${resourceManagerUrl}/subscriptions/${subscriptionId}/providers/Microsoft.Compute/restorePointCollections?api-version=2024-07-01`;
  bench.azure.faults.add(page(same));
  expect(await bench.provider.listCollections({}, read())).toMatchObject({
    kind: 'Unavailable',
    error: { code: 'EndlessList' },
  });
});

test('a point of another name in the answer is no answer', async () => {
  bench.azure.addPoint({ collectionId: id, name: 'a' });
  const body = { name: 'b', id: `${id}/restorePoints/b`, properties: { provisioningState: 'Succeeded' } };
  bench.azure.faults.add({ operation: 'RestorePoints_Get', kind: 'respond', status: 200, body });
  expect(
    await bench.provider.getSnapshot(
      { id: `${id}/restorePoints/a`, containerID: '' },
      { progress: false },
      read(),
    ),
  ).toMatchObject({
    kind: 'Unavailable',
    error: { code: 'MalformedAnswer' },
  });
});

test('ids of another subscription or type are refused here', async () => {
  const other = id.replace(bench.azure.subscriptionId, '00000000-0000-0000-0000-000000000000');
  expect(await bench.provider.deleteCollection(other, write())).toMatchObject({
    kind: 'Invalid',
    error: { code: 'OtherSubscription' },
  });
  expect(await bench.provider.deleteCollection(bench.vmID, write())).toMatchObject({
    kind: 'Invalid',
    error: { code: 'InvalidID' },
  });
  expect(await bench.provider.deleteCollection(`${id}/../x`, write())).toMatchObject({ kind: 'Invalid' });
  expect(bench.azure.requests).toEqual([]);
});

test('each request is reported for metrics, without ids', async () => {
  await list();
  await create();
  await bench.provider.getCollection(bench.collection('none'), { points: false }, read());
  expect(bench.reports).toEqual([
    { operation: 'listRestorePoints', code: '200', outcome: 'Done', seconds: expect.any(Number) },
    { operation: 'createRestorePoint', code: '201', outcome: 'Pending', seconds: expect.any(Number) },
    { operation: 'getCollection', code: '404', outcome: 'NotFound', seconds: expect.any(Number) },
  ]);
});
