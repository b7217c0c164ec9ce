import { describe, expect, test } from 'vitest';
import type { SnapshotTarget } from '../provider.ts';
import { collectionID, pointID } from './ids.ts';
import { collectionBody, collectionsPath, createOperation, pointBody, resourcePath } from './request.ts';

const collection = collectionID('s', 'rg', 'c');
const target: SnapshotTarget = { containerID: collection, name: 'p', location: 'eastus' };
const version = '2024-07-01';

describe('the body of a restore point', () => {
  test('is empty for a default create', () => {
    expect(pointBody(target, version)).toEqual({ properties: {} });
  });

  test('asks for crash consistency only; the higher levels are the default', () => {
    expect(pointBody({ ...target, consistency: 'Crash' }, version)).toEqual({
      properties: { consistencyMode: 'CrashConsistent' },
    });
    expect(pointBody({ ...target, consistency: 'Application' }, version)).toEqual({ properties: {} });
    expect(pointBody({ ...target, consistency: 'FileSystem' }, version)).toEqual({ properties: {} });
  });

  test('names the disks to leave out', () => {
    expect(pointBody({ ...target, excludeDiskIDs: ['d1', 'd2'] }, version)).toEqual({
      properties: { excludeDisks: [{ id: 'd1' }, { id: 'd2' }] },
    });
    expect(pointBody({ ...target, excludeDiskIDs: [] }, version)).toEqual({ properties: {} });
  });

  test('gives the encryption of each disk', () => {
    const type = 'EncryptionAtRestWithCustomerKey';
    const encryption: SnapshotTarget['encryption'] = [
      { diskID: 'os', osDisk: true, encryptionSetID: 'set', type },
      { diskID: 'data', osDisk: false, encryptionSetID: 'set' },
    ];
    expect(pointBody({ ...target, encryption }, version)).toEqual({
      properties: {
        sourceMetadata: {
          storageProfile: {
            osDisk: {
              managedDisk: { id: 'os' },
              diskRestorePoint: { encryption: { diskEncryptionSet: { id: 'set' }, type } },
            },
            dataDisks: [
              {
                managedDisk: { id: 'data' },
                diskRestorePoint: { encryption: { diskEncryptionSet: { id: 'set' } } },
              },
            ],
          },
        },
      },
    });
  });

  test('is, for a copy, its source and no mode and no exclusions', () => {
    const copy: SnapshotTarget = { ...target, copyOf: 'source', consistency: 'Crash', excludeDiskIDs: ['d'] };
    expect(pointBody(copy, version)).toEqual({ properties: { sourceRestorePoint: { id: 'source' } } });
    const encryption = [{ diskID: 'drp', osDisk: false, encryptionSetID: 'set' }];
    expect(pointBody({ ...copy, encryption }, version)).toEqual({
      properties: {
        sourceRestorePoint: { id: 'source' },
        sourceMetadata: {
          storageProfile: {
            dataDisks: [
              {
                diskRestorePoint: {
                  sourceDiskRestorePoint: { id: 'drp' },
                  encryption: { diskEncryptionSet: { id: 'set' } },
                },
              },
            ],
          },
        },
      },
    });
  });

  test('has no envelope in the first version', () => {
    expect(pointBody({ ...target, consistency: 'Crash' }, '2021-03-01')).toEqual({
      consistencyMode: 'CrashConsistent',
    });
  });
});

test('the body of a collection', () => {
  expect(collectionBody({ id: collection, location: 'eastus', tags: { a: 'b' }, sourceID: 'vm' })).toEqual({
    location: 'eastus',
    tags: { a: 'b' },
    properties: { source: { id: 'vm' } },
  });
});

test('paths', () => {
  const root = '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/restorePointCollections';
  expect(resourcePath(collection, version)).toBe(`${root}/c?api-version=2024-07-01`);
  expect(resourcePath(pointID(collection, 'p'), version, 'instanceView')).toBe(
    `${root}/c/restorePoints/p?$expand=instanceView&api-version=2024-07-01`,
  );
  expect(collectionsPath('s', 'rg', version)).toBe(`${root}?api-version=2024-07-01`);
  expect(collectionsPath('s', undefined, version)).toBe(
    '/subscriptions/s/providers/Microsoft.Compute/restorePointCollections?api-version=2024-07-01',
  );
  expect(resourcePath(collectionID('s', 'Größe(1)', 'c'), version)).toContain(
    '/resourceGroups/Gr%C3%B6%C3%9Fe(1)/',
  );
  expect(() => resourcePath(`${collection}/..`, version)).toThrow(TypeError);
});

test('each kind of create draws from a policy of its own', () => {
  expect(createOperation(target)).toBe('createRestorePoint');
  expect(createOperation({ ...target, consistency: 'Crash' })).toBe('createCrashConsistentRestorePoint');
  expect(createOperation({ ...target, copyOf: 'x', consistency: 'Crash' })).toBe('copyRestorePoint');
});
