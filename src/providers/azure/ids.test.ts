import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sameID } from '../ids.ts';
import {
  collectionID,
  collectionOfPoint,
  collectionType,
  isSegment,
  nameOf,
  normalizeLocation,
  parseID,
  parseIDOf,
  pointID,
  vmID,
  vmType,
} from './ids.ts';

const collection = collectionID('S1', 'My-Group', 'c1');

test('an id is taken apart', () => {
  expect(parseID(pointID(collection, 'p1'))).toEqual({
    subscriptionID: 'S1',
    resourceGroup: 'My-Group',
    type: 'microsoft.compute/restorepointcollections/restorepoints',
    names: ['c1', 'p1'],
  });
});

test('the spelling of an id does not matter, and a trailing slash neither', () => {
  const upper = `${collection.toUpperCase()}/`;
  expect(parseIDOf(collectionType, upper)?.names).toEqual(['C1']);
  expect(sameID(upper, collection)).toBe(true);
  expect(sameID(`${collection}x`, collection)).toBe(false);
});

test('the collection of a point keeps its spelling', () => {
  expect(collectionOfPoint(pointID(collection, 'p1'))).toBe(collection);
  expect(collectionOfPoint(collection)).toBeUndefined();
});

test('the name of an id', () => {
  expect(nameOf(vmID('s', 'g', 'web'))).toBe('web');
  expect(nameOf('web')).toBe('web');
  expect(parseIDOf(vmType, collection)).toBeUndefined();
});

describe('no id', () => {
  test.each([
    '',
    '/',
    'web',
    '/subscriptions/s',
    '/subscriptions/s/resourceGroups/g',
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute',
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks',
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/',
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d/x',
    'subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d',
    '/subscriptions/s/resourceGroups/../providers/Microsoft.Compute/disks/d',
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d?x=1',
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/%2e%2e',
    '/subscriptions/s/resourceGroups/g//providers/Microsoft.Compute/disks/d',
    'https://management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d',
  ])('%j', (id) => {
    expect(parseID(id)).toBeUndefined();
  });
});

test.each([
  ['East US 2', 'eastus2'],
  ['CentralUSEUAP', 'centraluseuap'],
  ['eastus', 'eastus'],
])('the region %s is %s', (told, normal) => {
  expect(normalizeLocation(told)).toBe(normal);
});

test('every name that is a segment comes back from the id made of it, and no other changes where an id leads', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (group, name) => {
      const parsed = parseID(vmID('s', group, name));
      // A slash at the end of an id says nothing.
      const told = name.replace(/\/$/, '');
      if (isSegment(group) && isSegment(told)) {
        expect(parsed).toMatchObject({ resourceGroup: group, names: [told] });
      } else {
        expect(parsed).toBeUndefined();
      }
    }),
  );
});
