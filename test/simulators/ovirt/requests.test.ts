import { describe, expect, it } from 'vitest';
import type { OvirtFaultRule } from './faults.ts';
import { startOvirtSimulator } from './simulator.ts';
import { TestClient } from './test-client.ts';

const json = { Accept: 'application/json' };
const unknown = '00000000-0000-4000-8000-00000000000f';

describe('what is not there', () => {
  it.each([
    [`vms/${unknown}`, 'application/xml', 404, /^$/],
    [`disks/${unknown}`, 'application/json', 404, /^$/],
    ['vms/no-uuid', 'application/xml', 404, /^$/],
    [`vms/${unknown}/snapshots/${unknown}`, 'application/xml', 404, /<fault>/],
    [`vms/${unknown}/snapshots/${unknown}`, 'application/json', 404, /^\{"detail":"Entity not found/],
    ['nonsense', 'application/json', 404, /<html>/],
    [`vms/${unknown}/snapshots`, 'application/json', 200, /^\{\}$/],
    [`vms/${unknown}/snapshots`, 'application/xml', 200, /<snapshots\/>/],
  ])('is told of at %s as %s: %i %s', async (path, accept, status, body) => {
    await using engine = await startOvirtSimulator();
    const answer = await new TestClient(engine, { Accept: accept }).get(path);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(body);
  });
});

describe('a request that the API does not allow', () => {
  const xml = 'application/xml';

  it.each<[string, string, string, string | undefined, string, number]>([
    ['no body', 'POST', 'freezefilesystems', undefined, xml, 400],
    ['an empty body', 'POST', 'freezefilesystems', ' ', xml, 400],
    ['broken XML', 'POST', 'snapshots', '<snapshot><description>', xml, 400],
    ['another root element', 'POST', 'snapshots', '<vm/>', xml, 400],
    ['an unknown field', 'POST', 'snapshots', '<snapshot><name>x</name></snapshot>', xml, 400],
    ['a field of v3', 'POST', 'snapshots', '<snapshot><disks/></snapshot>', xml, 400],
    [
      'nonsense for a boolean',
      'POST',
      'snapshots',
      '<snapshot><persist_memorystate>maybe</persist_memorystate></snapshot>',
      xml,
      400,
    ],
    ['another type of content', 'POST', 'snapshots', '<snapshot/>', 'text/xml', 415],
    ['a method that is not there', 'PUT', 'snapshots', '<snapshot/>', xml, 405],
    ['an operation of v3', 'POST', 'preview_snapshot', '<action/>', xml, 404],
  ])('is refused and remembered: %s', async (_, method, path, body, type, status) => {
    await using engine = await startOvirtSimulator();
    const { id } = engine.addVm({ name: 'web' });
    const headers = { 'Content-Type': type };
    const call = body === undefined ? { method } : { method, body, headers };
    expect((await new TestClient(engine).send(`vms/${id}/${path}`, call)).status).toBe(status);
    expect(engine.contractViolations).toMatchObject([{ method, message: expect.any(String) }]);
    expect(engine.everCreated()).toEqual([]);
  });

  it.each([
    ['4.5.4', 'vms?nonsense=1'],
    ['4.1.9', 'vms?follow=snapshots'],
    ['4.5.4', 'disks?follow=storage_domains'],
    ['4.1.9', 'jobs?search=correlation_id%3Dx'],
    ['3.6', 'vms?max=1'],
  ])('may pass unheeded on engine %s, and is remembered: %s', async (version, path) => {
    await using engine = await startOvirtSimulator({ version });
    expect((await new TestClient(engine).get(path)).status).toBe(200);
    expect(engine.contractViolations).toHaveLength(1);
  });

  it('accepts neither XML nor JSON', async () => {
    await using engine = await startOvirtSimulator();
    expect((await new TestClient(engine, { Accept: 'text/html' }).get('vms')).status).toBe(406);
  });
});

describe('a search', () => {
  it.each([
    ['name="web 1"', ['web 1']],
    ['name=web*', ['web 1', 'web-2']],
    ['name=web-2 or name="db"', ['web-2', 'db']],
    ['name!=db and status=down', ['web-2']],
    ['NAME=DB', []],
    ['sortby name asc page 1', ['db', 'web 1', 'web-2']],
    ['sortby name asc page 2', []],
  ])('for %s finds %o', async (search, names) => {
    await using engine = await startOvirtSimulator();
    for (const name of ['web 1', 'web-2', 'db']) {
      engine.addVm({ name, status: name === 'web-2' ? 'down' : 'up', disks: [] });
    }
    const { body } = await new TestClient(engine, json).get(`vms?search=${encodeURIComponent(search)}`);
    expect(((body?.vm ?? []) as { name: string }[]).map(({ name }) => name)).toEqual(names);
  });

  it.each(['name="unclosed', 'name', 'nonsense=1', 'name ~ x'])(
    'that cannot be read is refused: %s',
    async (search) => {
      await using engine = await startOvirtSimulator();
      const answer = await new TestClient(engine, json).get(`vms?search=${encodeURIComponent(search)}`);
      expect(answer.status).toBe(400);
      expect(engine.contractViolations).toHaveLength(1);
    },
  );
});

describe('events', () => {
  it('come newest first, from an id on, and cut by max at the older end', async () => {
    await using engine = await startOvirtSimulator();
    const client = new TestClient(engine, json);
    const vm = engine.addVm({ name: 'web' });
    for (const snapshot of ['a', 'b', 'c']) engine.world.events.write(68, { vm, snapshot });
    const ids = async (query: string): Promise<string[]> => {
      const { body } = await client.get(`events?${query}`);
      return ((body?.event ?? []) as { id: string }[]).map(({ id }) => id);
    };
    expect(await ids('from=1')).toEqual(['3', '2']);
    expect(await ids('from=0&max=1')).toEqual(['3']);
    expect(await ids('from=3')).toEqual([]);
    expect((await client.get('events/2')).body).toMatchObject({
      code: '68',
      severity: 'normal',
      description: "Snapshot 'b' creation for VM 'web' has been completed.",
      time: expect.any(Number),
      vm: { id: vm.id },
    });
  });
});

describe('jobs', () => {
  it('are forgotten ten minutes after they finished, and an hour after they failed', async () => {
    await using engine = await startOvirtSimulator();
    const vm = engine.addVm({ name: 'web' });
    const client = new TestClient(engine, json);
    engine.faults.add({ kind: 'operation-failed', operation: 'Snapshots_Create', times: 1 });
    const post = () =>
      client.post(`vms/${vm.id}/snapshots`, { description: 'x', persist_memorystate: 'false' });
    await post();
    engine.skip(30);
    await post();
    engine.skip(30);
    expect(engine.jobs().map(({ status }) => status)).toEqual(['finished', 'failed']);
    const [job] = engine.jobs();
    expect((await client.get(`jobs/${job?.id}/steps`)).body).toMatchObject({
      step: [{ status: 'finished' }],
    });
    engine.skip(600);
    expect((await client.get(`jobs/${job?.id}`)).status).toBe(404);
    expect(engine.jobs().map(({ status }) => status)).toEqual(['failed']);
    engine.skip(3000);
    expect(engine.jobs()).toEqual([]);
  });
});

describe('a fault', () => {
  it.each<[OvirtFaultRule, number, RegExp]>([
    [
      { kind: 'error-body', status: 500, form: 'fault' },
      500,
      /^\{"detail":"\[Internal Engine Error\]","reason"/,
    ],
    [{ kind: 'error-body', status: 409, form: 'action', detail: 'x' }, 409, /^\{"status":"failed","fault":/],
    [{ kind: 'error-body', status: 503, form: 'html' }, 503, /^<html>/],
    [{ kind: 'error-body', status: 404, form: 'empty' }, 404, /^$/],
    [{ kind: 'refused', key: 'QUOTA_STORAGE_LIMIT_EXCEEDED' }, 409, /\[Cannot create Snapshot. Quota/],
    [{ kind: 'start-failed' }, 500, /Internal Engine Error/],
    [{ kind: 'respond', status: 502, body: '<html>Bad Gateway</html>' }, 502, /Bad Gateway/],
  ])('answers %o', async (fault, status, body) => {
    await using engine = await startOvirtSimulator();
    const { id } = engine.addVm({ name: 'web' });
    engine.faults.add(fault);
    const answer = await new TestClient(engine, json).post(`vms/${id}/snapshots`, { description: 'x' });
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(body);
    expect(engine.everCreated()).toEqual([]);
    expect(engine.counts()).toEqual({ Snapshots_Create: 1 });
  });

  it('may come after the effect', async () => {
    await using engine = await startOvirtSimulator();
    const { id } = engine.addVm({ name: 'web' });
    engine.faults.add({ kind: 'error-body', status: 504, form: 'html', when: 'after-effect', times: 1 });
    engine.faults.add({ kind: 'lost-answer', skip: 1, times: 1 });
    const client = new TestClient(engine, json);
    const body = { description: 'x', persist_memorystate: 'false' };
    expect((await client.post(`vms/${id}/snapshots`, body)).status).toBe(504);
    engine.skip(30);
    await expect(client.post(`vms/${id}/snapshots`, body)).rejects.toThrow();
    expect(engine.everCreated()).toHaveLength(2);
  });
});

describe('v3', () => {
  it('nests states, names the snapshot before, and wants all content by header', async () => {
    await using engine = await startOvirtSimulator({ version: '3.5' });
    const { id } = engine.addVm({ name: 'web' });
    const first = engine.addSnapshot({ vmId: id, description: 'first' });
    const second = engine.addSnapshot({ vmId: id, description: 'second' });
    const client = new TestClient(engine);
    const { text } = await client.get(`vms/${id}/snapshots/${second.id}`);
    expect(text).toContain(`<link href="/ovirt-engine/api/vms/${id}/snapshots/${first.id}" rel="prev"/>`);
    expect(text).toContain('<type>regular</type>');
    expect(text).not.toContain('<initialization>\n');
    expect((await client.get(`vms/${id}`)).text).toMatch(/<status>\s*<state>up<\/state>/);
    const all = await client.get(`vms/${id}/snapshots/${second.id}`, { 'All-Content': 'true' });
    // In XML the OVF is escaped text.
    expect(all.text).toContain('&lt;Name&gt;web&lt;/Name&gt;');
    expect((await client.get('vms;max=0')).text).toContain('<vms/>');
    expect(engine.contractViolations).toEqual([]);
  });

  it('takes disks below disks, from 3.4 on', async () => {
    for (const [version, count] of [
      ['3.4', 1],
      ['3.3', 2],
    ] as const) {
      await using engine = await startOvirtSimulator({ version });
      const { id, attachments } = engine.addVm({ name: 'web', disks: [{}, {}] });
      const disks = `<disks><disk id="${attachments[0]?.diskId}"/></disks>`;
      const body = `<snapshot><description>x</description>${disks}</snapshot>`;
      const answer = await new TestClient(engine).post(`vms/${id}/snapshots`, body);
      expect(answer.status).toBe(202);
      expect(engine.snapshots()[0]?.diskIds).toHaveLength(count);
      expect(engine.contractViolations).toHaveLength(count - 1);
    }
  });
});

describe('JSON', () => {
  it.each([
    [false, { memory: '1073741824', delete_protected: 'false', creation_time: 1_700_000_000_123 }],
    [true, { memory: 1_073_741_824, delete_protected: false, creation_time: 1_700_000_000_123 }],
  ])('has dates as numbers, and other values as such: %s', async (nativeJson, expected) => {
    await using engine = await startOvirtSimulator({ behaviour: { nativeJson } });
    const { id } = engine.addVm({ name: 'web', createdAt: 1_700_000_000_123 });
    const { body } = await new TestClient(engine, json).get(`vms/${id}`);
    expect(body).toMatchObject({ ...expected, os: { boot: { devices: { device: ['hd', 'cdrom'] } } } });
    expect(body?.link).toContainEqual({ rel: 'snapshots', href: `/ovirt-engine/api/vms/${id}/snapshots` });
  });

  it('takes strings, and values of its own, for numbers and booleans', async () => {
    await using engine = await startOvirtSimulator();
    const client = new TestClient(engine, json);
    for (const memory of ['false', false]) {
      const { id } = engine.addVm({ name: `web-${typeof memory}` });
      const answer = await client.post(`vms/${id}/snapshots`, {
        description: 'x',
        persist_memorystate: memory,
      });
      expect(answer.body).toMatchObject({ persist_memorystate: 'false' });
    }
  });
});

describe('users', () => {
  it('who are no admins see what they have permissions on', async () => {
    await using engine = await startOvirtSimulator();
    const mine = engine.addVm({ name: 'mine' });
    const other = engine.addVm({ name: 'other' });
    engine.putUser({ name: engine.username, password: engine.password, admin: false, vms: [mine.id] });
    const client = new TestClient(engine, json);
    expect((await client.get('vms')).body?.vm).toMatchObject([{ name: 'mine' }]);
    expect((await client.get(`vms/${other.id}`)).status).toBe(404);
    expect((await client.get('vms', { Filter: 'false' })).status).toBe(403);
  });
});
