import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AzureSimulator, startAzureSimulator } from './simulator.ts';
import { type RawAnswer, type TestClient, testClient, version } from './test-client.ts';

let simulator: AzureSimulator;
let client: TestClient;

beforeEach(async () => {
  simulator = await startAzureSimulator({ throttling: false });
  client = testClient(simulator);
  const vm = simulator.addVm({ name: 'web' });
  simulator.addCollection({ name: 'local', sourceId: vm.id });
  // The token is fetched before any fault is in force.
  await get('none');
  simulator.resetCounts();
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await simulator.close();
});

const pathOf = (name: string): string =>
  `${client.provider}/restorePointCollections/local/restorePoints/${name}?${version}`;
const put = (name: string, timeoutMilliseconds = 5_000): Promise<RawAnswer> =>
  client.send('PUT', pathOf(name), { body: {}, timeoutMilliseconds });
const get = (name: string): Promise<RawAnswer> => client.send('GET', pathOf(name));
const names = (): string[] => simulator.points().map(({ name }) => name);
const codeOf = (answer: RawAnswer): string => (answer.json as { error: { code: string } }).error.code;

describe('a fault of the wire', () => {
  it('resets the connection before the effect', async () => {
    simulator.faults.add({ kind: 'reset', operation: 'RestorePoints_Create', times: 1 });
    await expect(put('p')).rejects.toThrow();
    expect(names()).toEqual([]);
    expect((await put('p')).status).toBe(201);
    expect(simulator.counts().RestorePoints_Create).toBe(2);
  });

  it('loses the answer after the effect', async () => {
    simulator.faults.add({ kind: 'lost-answer', operation: 'RestorePoints_Create', times: 1 });
    await expect(put('p')).rejects.toThrow();
    expect(names()).toEqual(['p']);
    expect(simulator.everCreated()).toHaveLength(1);
  });

  it('never answers, with the effect or without it', async () => {
    simulator.faults.add({ kind: 'hang', path: '/restorePoints/p', times: 1 });
    simulator.faults.add({ kind: 'hang', path: '/restorePoints/q', when: 'after-effect', times: 1 });
    await expect(put('p', 100)).rejects.toThrow(/Timeout/);
    await expect(put('q', 100)).rejects.toThrow(/Timeout/);
    expect(names()).toEqual(['q']);
  });

  it('answers 5xx with JSON before the effect, or without JSON after it', async () => {
    simulator.faults.add({
      kind: 'respond',
      status: 503,
      body: { error: { code: 'ServerBusy', message: 'Try again.' } },
      headers: { 'Retry-After': '7' },
      path: '/restorePoints/p',
      times: 1,
    });
    simulator.faults.add({
      kind: 'respond',
      status: 502,
      body: '<html>Bad gateway</html>',
      when: 'after-effect',
      path: '/restorePoints/q',
      times: 1,
    });
    const busy = await put('p');
    expect([busy.status, codeOf(busy), busy.headers['retry-after']]).toEqual([503, 'ServerBusy', '7']);
    const gateway = await put('q');
    expect([gateway.status, gateway.text]).toEqual([502, '<html>Bad gateway</html>']);
    expect(names()).toEqual(['q']);
  });

  it('breaks the body off, spoils it, or blows it up', async () => {
    simulator.faults.add({ kind: 'truncated-body', path: '/restorePoints/p', times: 1 });
    await expect(put('p')).rejects.toThrow();
    expect(names()).toEqual(['p']);
    simulator.faults.add({ kind: 'malformed-body', method: 'GET', times: 1 });
    const malformed = await get('p');
    expect(malformed.status).toBe(200);
    expect(() => JSON.parse(malformed.text) as unknown).toThrow(SyntaxError);
    simulator.faults.add({ kind: 'huge-body', method: 'GET', bytes: 1_000_000, times: 1 });
    expect((await get('p')).text).toHaveLength(1_000_000);
  });

  it('waits before the request is looked at', async () => {
    simulator.faults.add({ kind: 'latency', milliseconds: 80, times: 1 });
    const before = performance.now();
    await get('p');
    expect(performance.now() - before).toBeGreaterThanOrEqual(79);
  });

  it('changes headers of the right answer', async () => {
    simulator.faults.add({
      kind: 'headers',
      headers: { 'Azure-AsyncOperation': 'https://example.org/steal' },
    });
    expect((await put('p')).headers['azure-asyncoperation']).toBe('https://example.org/steal');
  });

  it('hits the authority too', async () => {
    simulator.faults.add({ kind: 'respond', status: 500, operation: 'Authority_Token', times: 1 });
    await expect(client.token()).rejects.toThrow();
    expect(await client.token()).toBeTypeOf('string');
  });
});

describe("a fault of Azure's own", () => {
  it.each([
    ['bare', (body: unknown) => (body as { code: string }).code],
    ['wrapped', (body: unknown) => (body as { error: { code: string } }).error.code],
  ] as const)('throttles in the %s form', async (form, code) => {
    simulator.faults.add({ kind: 'throttled', retryAfterSeconds: 1200, form, method: 'PUT', times: 1 });
    const answer = await put('p');
    expect([answer.status, answer.headers['retry-after'], code(answer.json)]).toEqual([
      429,
      '1200',
      'OperationNotAllowed',
    ]);
    expect(names()).toEqual([]);
  });

  it('lets a token expire, and hides a resource behind the front door', async () => {
    simulator.faults.add({ kind: 'token-expired', times: 1 });
    const expired = await get('p');
    expect([expired.status, codeOf(expired)]).toEqual([401, 'ExpiredAuthenticationToken']);
    await put('p');
    simulator.faults.add({ kind: 'gateway-not-found', times: 1 });
    const hidden = await get('p');
    expect([hidden.status, hidden.headers['x-ms-failure-cause']]).toEqual([404, 'gateway']);
    expect((await get('p')).status).toBe(200);
  });

  it('lets an operation run for ever', async () => {
    simulator.faults.add({ kind: 'operation-stuck', times: 1 });
    const url = String((await put('p')).headers['azure-asyncoperation']);
    simulator.skip(24 * 3600);
    expect((await client.send('GET', url)).json).toMatchObject({ status: 'InProgress' });
    expect((await get('p')).json).toMatchObject({ properties: { provisioningState: 'Creating' } });
  });

  it.each(['failed', 'vanished'] as const)(
    'lets an operation fail, and leaves the point %s',
    async (leaves) => {
      const fault = { code: 'VMRestorePointInternalError', message: 'An internal error occurred.' };
      simulator.faults.add({ kind: 'operation-failed', ...fault, leaves, method: 'PUT', times: 1 });
      const url = String((await put('p')).headers['azure-asyncoperation']);
      simulator.skip(60);
      expect((await client.send('GET', url)).json).toMatchObject({ status: 'Failed', error: fault });
      const point = await get('p');
      if (leaves === 'vanished') expect(point.status).toBe(404);
      else expect(point.json).toMatchObject({ properties: { provisioningState: 'Failed' } });
      expect((await put('q')).status).toBe(201);
    },
  );

  it('lets a deletion fail, and the point stays', async () => {
    await put('p');
    simulator.skip(60);
    simulator.faults.add({
      kind: 'operation-failed',
      code: 'InternalError',
      message: '.',
      method: 'DELETE',
      times: 1,
    });
    expect((await client.send('DELETE', pathOf('p'))).status).toBe(202);
    simulator.skip(60);
    expect((await get('p')).json).toMatchObject({ properties: { provisioningState: 'Succeeded' } });
  });

  it('shows what was made only after a while, and refuses its name meanwhile', async () => {
    simulator.faults.add({ kind: 'late-effect', milliseconds: 60_000, times: 1 });
    await put('p');
    expect(names()).toEqual(['p']);
    expect((await get('p')).status).toBe(404);
    const expanded = `${client.provider}/restorePointCollections/local?${version}&$expand=restorePoints`;
    expect((await client.send('GET', expanded)).json).toMatchObject({ properties: { restorePoints: [] } });
    expect((await put('p')).status).toBe(409);
    expect((await client.send('DELETE', pathOf('p'))).status).toBe(204);
    simulator.skip(60);
    expect((await get('p')).status).toBe(200);
    expect((await client.send('GET', expanded)).text).toContain('/restorePoints/p');
  });

  it('gives an operation a duration of its own', async () => {
    simulator.faults.add({ kind: 'duration', seconds: 3000, times: 1 });
    await put('p');
    simulator.skip(2900);
    expect((await get('p')).json).toMatchObject({ properties: { provisioningState: 'Creating' } });
    simulator.skip(200);
    expect((await get('p')).json).toMatchObject({ properties: { provisioningState: 'Succeeded' } });
  });
});
