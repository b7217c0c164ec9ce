import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedAnswer } from '../json.ts';
import { collectionID, pointID, vmID } from './ids.ts';
import { collectionOf, expectRemoval, locationOf, operationOf, pageOf, snapshotOf, vmOf } from './wire.ts';

const collection = collectionID('s', 'rg', 'c');
const id = pointID(collection, 'p');
const vm = vmID('s', 'rg', 'web');
const diskID = (name: string) =>
  `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/${name}`;
const partID = (name: string) => `${id}/diskRestorePoints/${name}_0f0f`;

/** A finished point as Azure answers it since 2023-03-01. */
const finished = {
  name: 'p',
  id,
  properties: {
    excludeDisks: [{ id: diskID('scratch') }],
    sourceMetadata: {
      hardwareProfile: { vmSize: 'Standard_D2s_v5' },
      storageProfile: {
        osDisk: {
          osType: 'Linux',
          name: 'os',
          diskSizeGB: 30,
          managedDisk: { id: diskID('os'), storageAccountType: 'Premium_LRS' },
          diskRestorePoint: { id: partID('os'), encryption: { type: 'EncryptionAtRestWithPlatformKey' } },
        },
        dataDisks: [
          {
            lun: 0,
            name: 'data',
            diskSizeGB: 100,
            managedDisk: { id: diskID('data') },
            diskRestorePoint: { id: partID('data') },
          },
        ],
      },
      vmId: 'ABCDEF01-0000-0000-0000-000000000000',
      location: 'East US',
    },
    provisioningState: 'Succeeded',
    consistencyMode: 'FileSystemConsistent',
    timeCreated: '2024-05-06T07:08:09.1234567+00:00',
  },
};

type Point = typeof finished;
const withProperties = (changes: object) => ({
  ...finished,
  properties: { ...finished.properties, ...changes },
});

const withStorage = (storageProfile: object) => withProperties({ sourceMetadata: { storageProfile } });

describe('a restore point', () => {
  test('that is finished', () => {
    expect(snapshotOf(finished, id)).toEqual({
      id,
      name: 'p',
      containerID: collection,
      state: 'Succeeded',
      vendorState: 'Succeeded',
      createdAt: '2024-05-06T07:08:09.123Z',
      vmUID: 'abcdef01-0000-0000-0000-000000000000',
      source: { size: 'Standard_D2s_v5', osType: 'Linux', location: 'eastus' },
      consistency: 'FileSystem',
      excludedDiskIDs: [diskID('scratch')],
      disks: [
        {
          id: diskID('os'),
          name: 'os',
          osDisk: true,
          sizeBytes: 30 * 1024 ** 3,
          snapshotID: partID('os'),
          encryptionType: 'EncryptionAtRestWithPlatformKey',
        },
        {
          id: diskID('data'),
          name: 'data',
          osDisk: false,
          sizeBytes: 100 * 1024 ** 3,
          snapshotID: partID('data'),
        },
      ],
    });
  });

  test('in the form of 2021-03-01: no envelope, another creation time, ids in place of objects', () => {
    const { timeCreated, sourceMetadata, ...rest } = finished.properties;
    const [data] = sourceMetadata.storageProfile.dataDisks;
    const flat = {
      name: 'p',
      id,
      ...rest,
      provisioningDetails: { creationTime: timeCreated },
      sourceMetadata: {
        ...sourceMetadata,
        storageProfile: {
          ...sourceMetadata.storageProfile,
          dataDisks: [{ ...data, diskRestorePoint: partID('data') }],
        },
      },
    };
    expect(snapshotOf(flat, id)).toEqual(snapshotOf(finished, id));
  });

  test('that is being made shows neither parts nor an achieved mode, though the asked one is in the answer', () => {
    const { diskRestorePoint: _part, ...osDisk } = finished.properties.sourceMetadata.storageProfile.osDisk;
    const creating = withProperties({
      provisioningState: 'Creating',
      consistencyMode: 'CrashConsistent',
      sourceMetadata: { storageProfile: { osDisk } },
    });
    const seen = snapshotOf(creating, id);
    expect(seen).toMatchObject({ state: 'Creating', disks: [{ name: 'os' }] });
    expect(seen.consistency).toBeUndefined();
    expect(seen.disks[0]?.snapshotID).toBeUndefined();
  });

  test.each([
    ['Succeeded', 'Succeeded'],
    ['succeeded', 'Succeeded'],
    ['Failed', 'Failed'],
    ['Canceled', 'Failed'],
    ['Cancelled', 'Failed'],
    ['Deleting', 'Deleting'],
    ['Updating', 'Unrecognised'],
    ['InProgress', 'Unrecognised'],
    ['constructor', 'Unrecognised'],
  ])('in the state %s is %s', (vendorState, state) => {
    expect(snapshotOf(withProperties({ provisioningState: vendorState }), id)).toMatchObject({
      state,
      vendorState,
    });
  });

  test('without a state has succeeded only if every disk has its part', () => {
    const { provisioningState: _state, ...properties } = finished.properties;
    expect(snapshotOf({ ...finished, properties }, id).state).toBe('Succeeded');
    const storageProfile = {
      osDisk: properties.sourceMetadata.storageProfile.osDisk,
      dataDisks: [{ name: 'data' }],
    };
    expect(
      snapshotOf({ ...finished, properties: { ...properties, sourceMetadata: { storageProfile } } }, id)
        .state,
    ).toBe('Unrecognised');
    expect(snapshotOf({ name: 'p', id }, id).state).toBe('Unrecognised');
  });

  test.each([
    ['2024-05-06T07:08:09.1234567+00:00', '2024-05-06T07:08:09.123Z'],
    ['2024-05-06T07:08:09+02:00', '2024-05-06T05:08:09.000Z'],
    // UTC is what Azure's times are, wherever this process runs.
    ['2024-05-06T07:08:09.1234567', '2024-05-06T07:08:09.123Z'],
    ['2024-05-06T07:08', '2024-05-06T07:08:00.000Z'],
    // None, as .NET writes it.
    ['0001-01-01T00:00:00+00:00', undefined],
    ['9999-12-31T23:59:59.9999999Z', undefined],
    ['2024-13-06T07:08:09Z', undefined],
    ['2024-05-06', undefined],
    ['May 6, 2024', undefined],
    [1714979289, undefined],
    [null, undefined],
  ])('made at %j', (timeCreated, expected) => {
    expect(snapshotOf(withProperties({ timeCreated }), id).createdAt).toBe(expected);
  });

  test.each(['Updating', 'InProgress', 'Accepted', 'SUCCEEDED?', 'Ready'])(
    'in the state %s, which is not known, is not called finished',
    (provisioningState) => {
      expect(snapshotOf(withProperties({ provisioningState }), id)).toMatchObject({
        state: 'Unrecognised',
        vendorState: provisioningState,
      });
    },
  );

  test.each([1, true, {}, ['Succeeded']])('with the state %j is malformed', (provisioningState) => {
    expect(() => snapshotOf(withProperties({ provisioningState }), id)).toThrow(/text in provisioningState/);
    const json = { id: collection, location: 'x', properties: { source: { id: vm }, provisioningState } };
    expect(() => collectionOf(json, collection, false)).toThrow(MalformedAnswer);
  });

  test('is answered in the spelling that was asked for', () => {
    const upper = { ...finished, id: id.toUpperCase(), name: 'P' };
    expect(snapshotOf(upper, id)).toMatchObject({ id, containerID: collection });
  });

  test.each([
    ['another point', { ...finished, id: pointID(collection, 'q') }],
    ['a point of another collection', { ...finished, id: pointID(`${collection}x`, 'p') }],
    ['a collection', { ...finished, id: collection }],
    ['nothing', { name: 'p' }],
    ['no object', []],
    ['an empty body', undefined],
    ['a point with a disk that cannot be read', withStorage({ dataDisks: [null] })],
    ['a point whose disks are no list', withStorage({ dataDisks: { 0: {} } })],
    ['a point whose disk is a text', withStorage({ osDisk: 'os' })],
  ])('that is %s is malformed', (_what, json) => {
    expect(() => snapshotOf(json, id)).toThrow(MalformedAnswer);
  });
});

describe('replication', () => {
  const view = (...disks: object[]) => withProperties({ instanceView: { diskRestorePoints: disks } });
  const disk = (status: object | undefined, more: object = {}) => ({
    id: partID('os'),
    ...(status === undefined ? {} : { replicationStatus: { status, completionPercent: 0 } }),
    ...more,
  });

  test.each([
    ['ReplicationState/replicating', 'Info', 'Replicating'],
    ['ReplicationState/succeeded', 'Info', 'Succeeded'],
    ['replicationstate/SUCCEEDED', undefined, 'Succeeded'],
    ['ReplicationState/failed', 'Info', 'Failed'],
    ['SomethingNew/Failed', 'Error', 'Failed'],
    ['ReplicationState/succeeded', 'Error', 'Failed'],
    ['ReplicationState/unheardOf', 'Info', 'Pending'],
    ['Other/succeeded', 'Info', 'Pending'],
    ['succeeded', 'Info', 'Pending'],
    [undefined, 'Error', 'Failed'],
    [undefined, undefined, 'Pending'],
  ])('the code %s of level %s is %s', (code, level, state) => {
    expect(snapshotOf(view(disk({ code, level })), id).replication).toMatchObject([{ state, percent: 0 }]);
  });

  test('a disk without a status is pending, and one that cannot be restored yet as well', () => {
    const succeeded = { code: 'ReplicationState/succeeded', level: 'Info' };
    const seen = snapshotOf(view(disk(undefined), disk(succeeded, { snapshotAccessState: 'Pending' })), id);
    expect(seen.replication?.map(({ state }) => state)).toEqual(['Pending', 'Pending']);
  });

  test('a disk without an id has no status', () => {
    const seen = snapshotOf(
      view({ replicationStatus: { status: { code: 'ReplicationState/succeeded' } } }),
      id,
    );
    expect(seen.replication).toEqual([]);
  });

  test.each([undefined, null, {}, { diskRestorePoints: [] }, { diskRestorePoints: {} }])(
    'the instance view %j tells nothing',
    (instanceView) => {
      expect(snapshotOf(withProperties({ instanceView }), id).replication).toBeUndefined();
    },
  );

  test("Azure's words are kept", () => {
    const status = {
      code: 'ReplicationState/failed',
      level: 'Error',
      displayStatus: 'Failed',
      message: 'No\nroom',
    };
    expect(snapshotOf(view(disk(status)), id).replication).toEqual([
      {
        snapshotID: partID('os'),
        state: 'Failed',
        percent: 0,
        code: 'ReplicationState/failed',
        message: 'No room',
      },
    ]);
  });
});

describe('a collection', () => {
  const answer = {
    name: 'c',
    id: collection,
    type: 'Microsoft.Compute/restorePointCollections',
    location: 'East US',
    tags: { a: 'b', n: 1 },
    properties: {
      source: { id: vm, location: 'EastUS2EUAP' },
      provisioningState: 'Succeeded',
      restorePointCollectionId: 'guid',
    },
  };

  test('without its points', () => {
    expect(collectionOf(answer, collection, false)).toEqual({
      id: collection,
      name: 'c',
      resourceGroup: 'rg',
      location: 'eastus',
      tags: { a: 'b' },
      provisioningState: 'Succeeded',
      restorePointCollectionID: 'guid',
      source: { id: vm, location: 'eastus2euap' },
    });
  });

  const expanded = (restorePoints: unknown) => ({
    ...answer,
    properties: { ...answer.properties, restorePoints },
  });

  test('with its points, which then tell their VM', () => {
    const points = collectionOf(expanded([{ ...finished, id: id.toUpperCase() }]), collection, true).points;
    expect(points).toEqual([
      { ...snapshotOf(finished, id), name: 'P', id: pointID(collection, 'P'), vmID: vm },
    ]);
  });

  test('without a list of points has none', () => {
    expect(collectionOf(answer, collection, true).points).toEqual([]);
    expect(collectionOf(expanded(null), collection, true).points).toEqual([]);
  });

  test.each([
    ['a list that is none', {}],
    ['a point without an id', [finished, { name: 'q' }]],
    ['a point of another collection', [{ ...finished, id: pointID(`${collection}x`, 'p') }]],
    ['something that is no point', [7]],
  ])('with %s is malformed as a whole', (_what, restorePoints) => {
    expect(() => collectionOf(expanded(restorePoints), collection, true)).toThrow(MalformedAnswer);
  });

  test('that is another one is malformed', () => {
    expect(() => collectionOf(answer, `${collection}x`, false)).toThrow(/asked for the collection/);
  });
});

test('a VM', () => {
  const answer = {
    id: vm.toUpperCase(),
    location: 'East US',
    properties: {
      vmId: 'ABCD',
      hardwareProfile: { vmSize: 'Standard_B1s' },
      storageProfile: {
        osDisk: { osType: 'Windows', name: 'os', diskSizeGB: 127, managedDisk: { id: diskID('os') } },
        dataDisks: [{ managedDisk: { id: diskID('data') } }, { vhd: { uri: 'x' } }],
      },
    },
  };
  expect(vmOf(answer, vm)).toEqual({
    id: vm,
    power: 'Unknown',
    vendorState: '',
    name: 'WEB',
    uid: 'abcd',
    location: 'eastus',
    resourceGroup: 'RG',
    size: 'Standard_B1s',
    osType: 'Windows',
    disks: [
      { id: diskID('os'), name: 'os', osDisk: true, sizeBytes: 127 * 1024 ** 3 },
      { id: diskID('data'), name: 'data', osDisk: false },
    ],
  });
  expect(() => vmOf({ ...answer, properties: {} }, vm)).toThrow('properties.vmId');
});

describe('an operation', () => {
  test.each([
    ['InProgress', 'Running'],
    ['Succeeded', 'Succeeded'],
    ['Failed', 'Failed'],
    ['Canceled', 'Failed'],
    ['Cancelled', 'Failed'],
    ['Creating', 'Running'],
    ['Whatever', 'Running'],
  ])('with the status %s is %s', (status, state) => {
    expect(operationOf({ status }).state).toBe(state);
  });

  test('that failed tells why', () => {
    const error = { code: 'VMRestorePointInternalError', message: 'Inside.' };
    expect(operationOf({ status: 'Failed', error }).failure).toMatchObject({
      kind: 'Failed',
      transient: true,
      error,
    });
  });

  test.each([[undefined], [{}], [[]], ['Succeeded'], [{ status: 1 }]])(
    'with the answer %j is malformed',
    (json) => {
      expect(() => operationOf(json)).toThrow(MalformedAnswer);
    },
  );

  test.each([
    [202, undefined, 'Running'],
    [202, { status: 'Succeeded' }, 'Running'],
    [204, undefined, 'Succeeded'],
    [200, undefined, 'Succeeded'],
    [200, finished, 'Succeeded'],
    [200, withProperties({ provisioningState: 'Creating' }), 'Running'],
    [200, { status: 'InProgress' }, 'Running'],
    [200, { status: 'Failed' }, 'Failed'],
  ])('by its Location with %i and %j is %s', (status, json, state) => {
    expect(locationOf(status, json).state).toBe(state);
  });
});

describe('a page', () => {
  test.each([
    [
      { value: [1], nextLink: 'x' },
      { items: [1], nextLink: 'x' },
    ],
    [{ value: [] }, { items: [] }],
    [{ value: [], nextLink: null }, { items: [] }],
    [{ value: [], nextLink: '' }, { items: [] }],
  ])('%j', (json, page) => {
    expect(pageOf(json)).toEqual(page);
  });

  test.each([
    [{}],
    [{ value: {} }],
    [{ value: null }],
    [[]],
    [{ value: [], nextLink: 7 }],
    [{ value: [], error: { code: 'ServerTimeout', message: 'Some are missing.' } }],
  ])('%j is malformed', (json) => {
    expect(() => pageOf(json)).toThrow(MalformedAnswer);
  });
});

test.each([
  [{ error: { code: 'InternalServerError', message: 'Try later.' } }, 'InternalServerError: Try later.'],
  [{ ...finished, error: 'the backend is away' }, 'the backend is away'],
  [{ ...finished, error: ['?'] }, '["?"]'],
])('an error under a 200 is told as one: %j', (json, words) => {
  for (const read of [
    () => snapshotOf(json, id),
    () => vmOf(json, vm),
    () => collectionOf(json, collection, true),
    () => pageOf(json),
    () => locationOf(200, json),
    () => expectRemoval(200, json),
  ]) {
    expect(read).toThrow(MalformedAnswer);
    expect(read).toThrow(words);
  }
});

describe('an answer to a removal', () => {
  test.each([
    [200, undefined],
    [202, undefined],
    [204, undefined],
    [200, {}],
    [202, null],
    [200, finished],
  ])('%i with %j', (status, json) => {
    expect(() => expectRemoval(status, json)).not.toThrow();
  });

  test.each([
    [201, undefined],
    [206, undefined],
    [200, 'Please sign in'],
    [200, []],
  ])('%i with %j is none', (status, json) => {
    expect(() => expectRemoval(status, json)).toThrow(MalformedAnswer);
  });
});

describe('whatever comes', () => {
  /** What a member may be in place of what it should be. */
  const odd = fc.oneof(
    fc.jsonValue() as fc.Arbitrary<unknown>,
    fc.constantFrom<unknown>(null, '', 0, -1, 250, '50', 'Succeeded', 'succeeded ', [], {}, [null], [{}]),
    fc.constantFrom<unknown>('0001-01-01T00:00:00Z', '2024-05-06T07:08:09', 'ReplicationState/succeeded'),
    fc.constantFrom<unknown>(
      id,
      id.toUpperCase(),
      `${id}/`,
      collection,
      vm,
      { id },
      { error: { code: 'X' } },
    ),
  );
  /** Any JSON, and answers of the right shape with something odd in one place. */
  const mutated = fc
    .tuple(fc.constantFrom(...pathsOf(finished)), odd)
    .map(([path, value]) => replaced(finished, path, value) as unknown);
  const anything = fc.oneof(fc.jsonValue() as fc.Arbitrary<unknown>, mutated);

  test('it is read or malformed, and never read as more than it says', () => {
    fc.assert(
      fc.property(anything, (json) => {
        const seen = orMalformed(() => snapshotOf(json, id));
        if (seen === undefined) return;
        expect(seen.id).toBe(id);
        const told = ((json as Point).properties ?? json).provisioningState as unknown;
        if (seen.state === 'Succeeded') {
          const complete = seen.disks.length > 0 && seen.disks.every((disk) => disk.snapshotID !== undefined);
          expect(String(told).toLowerCase() === 'succeeded' || complete).toBe(true);
        }
        expect((json as Point & { error?: unknown }).error ?? undefined).toBeUndefined();
        if (seen.createdAt !== undefined) expect(Date.parse(seen.createdAt)).toBeGreaterThanOrEqual(0);
        for (const disk of seen.replication ?? []) {
          if (disk.state === 'Succeeded') expect(disk.code?.toLowerCase()).toBe('replicationstate/succeeded');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('the other parsers throw nothing but MalformedAnswer', () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 200, max: 204 }), (json, status) => {
        orMalformed(() => vmOf(json, vm));
        orMalformed(() => collectionOf(json, collection, true));
        orMalformed(() => collectionOf(json, undefined, false));
        orMalformed(() => pageOf(json));
        orMalformed(() => expectRemoval(status, json));
        const location = orMalformed(() => locationOf(status, json));
        if (status === 202) expect(location?.state).toBe('Running');
        const operation = orMalformed(() => operationOf(json));
        if (operation?.state === 'Succeeded') {
          expect(String((json as { status: unknown }).status).toLowerCase()).toBe('succeeded');
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

function orMalformed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedAnswer);
    return undefined;
  }
}

/** The path of each member of a value, at any depth. */
function pathsOf(value: unknown, above: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [above];
  return [above, ...Object.entries(value).flatMap(([name, member]) => pathsOf(member, [...above, name]))];
}

function replaced(value: unknown, path: string[], by: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return by;
  const members = value as Record<string, unknown>;
  const changed = { ...members, [name]: replaced(members[name], rest, by) };
  return Array.isArray(value) ? Object.values(changed) : changed;
}
