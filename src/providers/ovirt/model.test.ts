import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedAnswer } from '../json.ts';
import {
  actionIn,
  attachmentsIn,
  diskIn,
  diskSnapshotsIn,
  disksIn,
  domainDisksIn,
  eventsIn,
  faultIn,
  jobsIn,
  newSnapshotIn,
  productIn,
  snapshotDisksIn,
  snapshotIn,
  snapshotsIn,
  storageDomainIn,
  vmIn,
  vmsIn,
} from './model.ts';

/** Recorded answers; origin and licence are told in the folder's README. */
const samples = new URL('../../../test/simulators/ovirt/samples/', import.meta.url);
const sample = (file: string) => readFileSync(new URL(file, samples), 'utf8');
const id = '11111111-2222-4333-8444-555555555555';
const other = '11111111-2222-4333-8444-666666666666';

describe('recorded answers of real engines', () => {
  test('snapshots of v4', () => {
    expect(snapshotsIn(sample('v4-snapshots-active-and-one.xml'))).toEqual([
      {
        id: '4f81c601-d896-4c12-b34e-0bfcabd7d9e1',
        description: 'one',
        type: 'regular',
        status: 'ok',
        createdAt: '2020-02-19T15:30:58.143Z',
        memory: true,
        vmID: '882b9a7c-f3f0-49a3-bda6-1ee289a6adf0',
        vm: { osType: 'rhel_7x64', memoryBytes: 1073741824, cpus: 1 },
      },
      {
        id: '82fbf338-b43d-4288-9165-6616ddd0605d',
        description: 'Active VM',
        type: 'active',
        status: 'ok',
        createdAt: '2020-02-19T15:30:58.143Z',
        memory: false,
      },
    ]);
    expect(snapshotsIn(sample('v4-snapshots-active-only.xml')).map(({ type }) => type)).toEqual(['active']);
  });

  test('snapshots of v3 on an engine 4.1', () => {
    const [active, one] = snapshotsIn(sample('v3-on-engine41-snapshots-two.xml'));
    expect(active).toMatchObject({ type: 'active', status: 'ok', description: 'Active VM' });
    expect(one).toEqual({
      id: '2d283187-bb50-4fd9-abd3-881e394fdb2a',
      description: 'yoyo',
      type: 'regular',
      status: 'ok',
      createdAt: '2016-11-16T09:21:06.230Z',
      memory: false,
      vmID: '3a9401a0-bf3d-4496-8acf-edd3e903511f',
      vm: { osType: 'other', memoryBytes: 4219469824, cpus: 4 },
    });
  });

  test('snapshots of RHEV 3.1, which does not tell whether memory is in them', () => {
    const [active, one] = snapshotsIn(sample('v3-rhev31-snapshots-active-and-one.xml'));
    expect(active?.memory).toBeUndefined();
    expect(one).toMatchObject({ type: 'regular', status: 'ok', vm: { osType: 'rhel_6', cpus: 20 } });
    expect(one?.memory).toBeUndefined();
  });

  test('snapshots of RHEV 3.0 are not read: they tell neither type nor status', () => {
    expect(() => snapshotsIn(sample('v3-rhev30-snapshots-two.xml'))).toThrow(/no snapshot_status/);
  });

  test('disks of a snapshot', () => {
    expect(snapshotDisksIn(sample('v4-snapshot-disks-one.xml'))).toEqual([
      {
        id: 'f5c0844f-70ee-4e12-a188-0e3dcbb140a6',
        name: 'rhel_seven_Disk1',
        imageID: '183d7567-19bc-43bf-aefb-2d39ed33e11a',
        status: 'ok',
        actualBytes: 2147483648,
        provisionedBytes: 9663676416,
        snapshotID: '4f81c601-d896-4c12-b34e-0bfcabd7d9e1',
        storageType: 'image',
      },
    ]);
  });

  test('disks of a VM, in v4 as attachments and in v3 as such', () => {
    expect(attachmentsIn(sample('v4-vm-diskattachments-one.xml'))).toEqual([
      { diskID: '738dc6a9-c7ff-4bd4-8f37-d0e4fdc0ff76', bootable: true, readOnly: false },
    ]);
    expect(disksIn(sample('v3-on-engine41-vm-disks.xml'))).toEqual([
      {
        id: 'c5fc9512-64e2-48d8-83e8-07c2f845024a',
        name: 'vm1_Disk1',
        bootable: true,
        shareable: false,
        readOnly: false,
        status: 'ok',
        storageType: 'image',
        imageID: '6178560a-5db3-47f2-8653-b7c26056db0f',
        provisionedBytes: 6442450944,
      },
    ]);
    const one = diskIn(sample('v3-on-engine4-disk-one.xml'), 'DA123BB9-095a-4933-95f2-8032dfa332e1');
    expect(one).toMatchObject({ name: 'GlanceDisk-73786f4', status: 'ok', storageType: 'image' });
  });

  test('faults, alone and in an action', () => {
    const faults = JSON.parse(sample('faults-ovirt33.json')) as { body: string }[];
    expect(faults.map(({ body }) => faultIn(body))).toEqual([
      { reason: 'Operation Failed', detail: 'Cannot shutdown VM. VM is not running.' },
      {
        reason: 'Operation Failed',
        detail: 'Cannot add VM. The VM name is already in use, please choose a unique name and try again.',
      },
      { reason: 'Operation Failed', detail: 'Cannot migrate VM. VM is pinned to Host.' },
      { reason: 'Operation Failed', detail: 'MAC Address is already in use.' },
      { reason: 'Incomplete parameters', detail: 'NIC [name] required for add' },
    ]);
    expect(actionIn(faults[0]?.body ?? '')).toMatchObject({
      status: 'failed',
      fault: { reason: 'Operation Failed' },
    });
  });
});

describe('the same in JSON', () => {
  test('snapshots, with strings for values and milliseconds for dates', () => {
    const body = JSON.stringify({
      snapshot: [
        {
          id,
          href: `/ovirt-engine/api/vms/${other}/snapshots/${id}`,
          actions: { link: [{ href: '/x', rel: 'restore' }] },
          description: 'one',
          date: 1582126258143,
          persist_memorystate: 'true',
          snapshot_status: 'in_preview',
          snapshot_type: 'regular',
          initialization: { configuration: { data: '<ovf/>', type: 'ovf' } },
          vm: {
            id: other,
            name: 'web',
            memory: '1024',
            cpu: { topology: { cores: '2', sockets: '3', threads: '1' } },
          },
        },
      ],
    });
    expect(snapshotsIn(body)).toEqual([
      {
        id,
        description: 'one',
        type: 'regular',
        status: 'in_preview',
        createdAt: '2020-02-19T15:30:58.143Z',
        memory: true,
        vmID: other,
        vm: { memoryBytes: 1024, cpus: 6 },
        configuration: { type: 'ovf', data: '<ovf/>' },
      },
    ]);
  });

  test('the answer to a creation, in which the VM is but a link', () => {
    const body = JSON.stringify({
      id,
      snapshot_status: 'locked',
      snapshot_type: 'regular',
      creation_status: 'in_progress',
      vm: { id: other, href: '/x' },
    });
    expect(newSnapshotIn(body, other)).toEqual({
      id,
      description: '',
      type: 'regular',
      status: 'locked',
      vmID: other,
    });
  });

  test('VMs, in both shapes of their status', () => {
    const v4 = { vm: [{ id, name: 'web', status: 'up', cluster: { id: other } }] };
    const v3 = { vm: [{ id, name: 'web', status: { state: 'up' }, cluster: { id: other } }] };
    for (const body of [v4, v3]) {
      expect(vmsIn(JSON.stringify(body))).toEqual([
        { id, name: 'web', description: '', status: 'up', clusterID: other },
      ]);
    }
  });

  test('attachments with their disks, and a direct LUN', () => {
    const body = {
      disk_attachment: [
        { id, bootable: 'true', disk: { id, alias: 'a', storage_type: 'cinder', status: 'ok' } },
        {
          id: other,
          read_only: 'true',
          disk: { id: other, lun_storage: { logical_units: {} }, shareable: 'true' },
        },
      ],
    };
    expect(attachmentsIn(JSON.stringify(body))).toMatchObject([
      { diskID: id, bootable: true, disk: { name: 'a', storageType: 'cinder', status: 'ok' } },
      { diskID: other, readOnly: true, disk: { storageType: 'lun', shareable: true } },
    ]);
  });

  test('events, jobs, actions and the disk snapshots of a storage domain', () => {
    const event = {
      id: '17',
      code: '68',
      description: 'done',
      time: 1582126258143,
      correlation_id: 'c',
      vm: { id },
    };
    expect(eventsIn(JSON.stringify({ event: [event] }))).toEqual([
      {
        id: 17,
        code: 68,
        description: 'done',
        time: '2020-02-19T15:30:58.143Z',
        correlationID: 'c',
        vmID: id,
      },
    ]);
    expect(jobsIn(JSON.stringify({ job: [{ id, status: 'finished', description: 'x' }] }))).toEqual([
      { id, status: 'finished', description: 'x' },
    ]);
    expect(actionIn(JSON.stringify({ status: 'complete', job: { id } }))).toEqual({
      status: 'complete',
      jobID: id,
    });
    const image = { id, alias: 'a', status: 'ok', disk: { id: other }, snapshot: { id: other } };
    expect(diskSnapshotsIn(JSON.stringify({ disk_snapshot: [image] }))).toEqual([
      { id, name: 'a', status: 'ok', diskID: other, snapshotID: other },
    ]);
  });
});

test('a pending change of the VM, among its snapshots on engines 3.5 to 4.4, has no type', () => {
  const entry = { id, description: 'Next Run configuration snapshot', snapshot_status: 'ok' };
  expect(snapshotsIn(JSON.stringify({ snapshot: [entry] }))).toMatchObject([{ id, type: 'untyped' }]);
});

test('the disks of a storage domain, and the domain itself', () => {
  const body = `<disks><disk id="${id}"><vms><vm id="${other.toUpperCase()}"/></vms></disk></disks>`;
  expect(domainDisksIn(body)).toEqual([{ id, vmIDs: [other] }]);
  expect(domainDisksIn(JSON.stringify({ disk: [{ id }] }))).toEqual([{ id, vmIDs: [] }]);
  expect(storageDomainIn(JSON.stringify({ id, name: 'data' }), id)).toEqual({ id });
  expect(() => storageDomainIn(JSON.stringify({ id: other }), id)).toThrow(MalformedAnswer);
});

test('the snapshot before, by the id at the end of its link only', () => {
  const snapshot = (href: string) =>
    snapshotIn(
      `<snapshot id="${id}"><type>regular</type><snapshot_status>ok</snapshot_status><link rel="disks" href="/a"/><link rel="prev" href="${href}"/></snapshot>`,
      id,
    );
  expect(snapshot(`/api/vms/${id}/snapshots/${other}`).previousID).toBe(other);
  expect(snapshot('https://elsewhere.example/../x').previousID).toBeUndefined();
});

describe('the version of an engine', () => {
  test.each([
    [
      'v4',
      '<api><product_info><name>oVirt Engine</name><version><build>4</build><full_version>4.5.4-1.el8</full_version><major>4</major><minor>5</minor><revision>0</revision></version></product_info></api>',
      { major: 4, minor: 5, build: 4, full: '4.5.4-1.el8' },
    ],
    [
      'v3',
      '<api><product_info><name>oVirt Engine</name><vendor>ovirt.org</vendor><version major="3" minor="6" build="0" revision="0"/></product_info></api>',
      { major: 3, minor: 6, build: 0, full: '3.6.0' },
    ],
    [
      'JSON',
      '{"product_info":{"name":"oVirt Engine","version":{"major":"4","minor":"3"}},"vms":{"total":"1"}}',
      { major: 4, minor: 3, build: 0, full: '4.3.0' },
    ],
  ])('%s', (_name, body, version) => {
    expect(productIn(body)).toEqual({ name: 'oVirt Engine', version });
  });
});

describe('what is not understood is an error, and never a wrong status', () => {
  const snapshot = (members: object) => () => snapshotIn(JSON.stringify({ id, ...members }), id);
  test.each([
    ['a snapshot without a status', snapshot({ snapshot_type: 'regular' })],
    [
      'a snapshot with two statuses',
      () =>
        snapshotIn(
          `<snapshot id="${id}"><type>regular</type><snapshot_status>ok</snapshot_status><snapshot_status>locked</snapshot_status></snapshot>`,
          id,
        ),
    ],
    [
      'another snapshot than was asked for',
      () => snapshotIn(JSON.stringify({ id: other, snapshot_type: 'regular', snapshot_status: 'ok' }), id),
    ],
    ['an id that is none', () => vmsIn('{"vm":[{"id":"../..","name":"x","status":"up"}]}')],
    ['a VM without a status', () => vmIn(JSON.stringify({ id, name: 'web' }), id)],
    ['a fault in place of a VM', () => vmIn('{"reason":"x","detail":"y"}', id)],
    ['an event without a code', () => eventsIn('{"event":[{"id":"1"}]}')],
    ['an action without a status', () => actionIn('{}')],
    ['an action with a status that no action has', () => actionIn('{"status":"started"}')],
    ['an item that is null', () => snapshotsIn('{"snapshot":[null]}')],
    ['an item that is a text', () => vmsIn('{"vm":["web"]}')],
    ['a status that is empty', snapshot({ snapshot_type: 'regular', snapshot_status: '' })],
    ['a status within a status', snapshot({ snapshot_type: 'regular', snapshot_status: { state: 'ok' } })],
    ['a date in words of people', snapshot({ snapshot_status: 'ok', date: '19.02.2020 16:30' })],
    ['memory neither in nor out', snapshot({ snapshot_status: 'ok', persist_memorystate: 'maybe' })],
    ['an attachment whose disk is null', () => attachmentsIn('{"disk_attachment":[{"disk":null}]}')],
    ['a page of a proxy in place of a VM', () => vmIn('<html><body>Sign in</body></html>', id)],
    ['a page of a proxy in place of an action', () => actionIn('<!DOCTYPE html><html></html>')],
    [
      'a disk of a snapshot without its image',
      () => snapshotDisksIn(JSON.stringify({ disk: [{ id, status: 'ok' }] })),
    ],
    ['a root without a version', () => productIn('<api/>')],
  ])('%s', (_name, read) => {
    expect(read).toThrow(MalformedAnswer);
  });
});

describe('what other engines and proxies may make of an answer', () => {
  test('states in capitals', () => {
    expect(vmIn(JSON.stringify({ id, name: 'web', status: 'UP' }), id).status).toBe('up');
    expect(vmIn(`<vm id="${id}"><status><state>Down</state></status><name>web</name></vm>`, id).status).toBe(
      'down',
    );
    expect(diskIn(JSON.stringify({ id, status: 'ILLEGAL', storage_type: 'LUN' }), id)).toMatchObject({
      status: 'illegal',
      storageType: 'lun',
    });
  });

  test('a direct LUN as engine 3.1 writes it', () => {
    const body = `<disks><disk id="${id}"><lunStorage><type>iscsi</type></lunStorage></disk></disks>`;
    expect(disksIn(body)).toMatchObject([{ storageType: 'lun' }]);
  });

  test('attributes in another order, CDATA, prefixes', () => {
    const [one] = snapshotsIn(
      `<a:snapshots xmlns:a="u"><a:snapshot href="/api/x" id="${id}"><a:snapshot_status><![CDATA[ok]]></a:snapshot_status><a:description><![CDATA[<a> & b]]></a:description><a:type>regular</a:type></a:snapshot></a:snapshots>`,
    );
    expect(one).toMatchObject({ id, status: 'ok', type: 'regular', description: '<a> & b' });
  });

  test('single objects for lists, lists of one for objects, and null for what is absent', () => {
    const snapshot = {
      id,
      snapshot_status: ['ok'],
      snapshot_type: 'regular',
      persist_memorystate: null,
      date: null,
      vm: [{ id: other, memory: 1024, os: null, cpu: { topology: null } }],
    };
    expect(snapshotsIn(JSON.stringify({ snapshot }))).toEqual([
      { id, description: '', type: 'regular', status: 'ok', vmID: other, vm: { memoryBytes: 1024 } },
    ]);
  });

  test('the epoch is no date that a snapshot could be older than', () => {
    const snapshot = { id, snapshot_type: 'regular', snapshot_status: 'ok', date: 0 };
    expect(snapshotIn(JSON.stringify(snapshot), id).createdAt).toBeUndefined();
  });

  test('words that are not known are passed on as they are', () => {
    const snapshot = { id, snapshot_type: 'Bookmark', snapshot_status: 'thawing' };
    expect(snapshotIn(JSON.stringify(snapshot), id)).toMatchObject({ type: 'bookmark', status: 'thawing' });
  });

  test('a fault with its details in a list', () => {
    expect(faultIn('{"fault":{"reason":"Operation Failed","detail":["[a","b]"]}}')).toEqual({
      reason: 'Operation Failed',
      detail: 'a b',
    });
  });
});

describe('what is no fault', () => {
  test.each([
    '',
    '<html/>',
    'Service Unavailable',
    '{}',
    '{"id":"1"}',
    '<snapshot id="1"/>',
    '<action><status>complete</status></action>',
    '[{"reason":"x"}]',
    '{"status":"complete","reason":"maintenance"}',
    '<action><status>complete</status><reason>maintenance</reason></action>',
    '<fault><reason>a</reason><reason>b</reason></fault>',
  ])('%s', (body) => {
    expect(faultIn(body)).toBeUndefined();
  });
});

/** The same members as elements. */
function xmlOf(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => xmlOf(name, item)).join('');
  const isObject = typeof value === 'object' && value !== null;
  const inner = isObject
    ? Object.entries(value)
        .map(([member, one]) => xmlOf(member, one))
        .join('')
    : `<![CDATA[${value}]]>`;
  // The names of members are words and ids, of which none begins with a digit in XML.
  return /^[a-z_]+$/.test(name) ? `<${name}>${inner}</${name}>` : '';
}

test('whatever an engine answers, it is read or refused', () => {
  const readers = [
    productIn,
    vmsIn,
    disksIn,
    attachmentsIn,
    snapshotsIn,
    snapshotDisksIn,
    diskSnapshotsIn,
    eventsIn,
    jobsIn,
    actionIn,
    (body: string) => newSnapshotIn(body, id),
  ];
  const word = fc.constantFrom(
    'id',
    'name',
    'status',
    'state',
    'snapshot',
    'vm',
    'snapshot_type',
    'snapshot_status',
    'date',
    'disk',
    'event',
    'job',
    id,
    'ok',
  );
  const tree = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      word,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      tie('object'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    object: fc.dictionary(word, tie('value'), { maxKeys: 5 }),
  })).object;
  const roots = fc.constantFrom(
    'api',
    'vms',
    'vm',
    'snapshots',
    'snapshot',
    'disks',
    'events',
    'jobs',
    'action',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        tree.map((value) => JSON.stringify(value)),
        fc.tuple(roots, tree).map(([root, value]) => xmlOf(root, value)),
        fc.json(),
      ),
      (body) => {
        for (const read of readers) {
          try {
            read(body);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedAnswer);
          }
        }
        faultIn(body);
      },
    ),
  );
});
