import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  containerOf,
  type Operation,
  operationToken,
  parseContainer,
  parseToken,
} from './operation-token.ts';

const vm = { id: '3499b02c-8dc9-4c0d-aa83-097a1340cbda', stampID: 'ba4146fa-fb41-4f59-a193-ad00c52a138c' };
const guid = 'a11cc636-5521-4f88-92b2-cad392911fe0';

describe('the token of an operation', () => {
  test.each<Operation>([
    { kind: 'create', vm, jobID: guid, baseline: guid, subject: `keyframe-c1-${guid}-1` },
    { kind: 'create', vm, subject: `keyframe-c1-${guid}-12` },
    { kind: 'restore', vm, baseline: guid, subject: guid },
    { kind: 'delete', vm, jobID: guid, subject: guid },
    { kind: 'power', vm, jobID: guid },
  ])('comes back as it was: %j', (operation) => {
    expect(parseToken(operationToken(operation))).toEqual(operation);
  });

  test.each([
    '',
    'create',
    `format/${vm.stampID}/${vm.id}/-/-/-`,
    `create/${vm.stampID}/${vm.id}/-/-`,
    `create/${vm.stampID}/${vm.id}/-/-/-/x`,
    `create/${vm.stampID}/..%2f/-/-/-`,
    `create/${vm.stampID}/${vm.id}/x/-/-`,
    `restore/${vm.stampID}/${vm.id}/-/-/keyframe-1`,
    `create/${vm.stampID}/${vm.id}/-/-/a'b`,
  ])('is refused where it is none: %j', (token) => {
    expect(parseToken(token)).toBeUndefined();
  });

  test('is read or refused, whatever it is', () => {
    fc.assert(fc.property(fc.string(), (token) => void parseToken(token)));
  });
});

test('what holds the checkpoints of a VM', () => {
  expect(containerOf(vm)).toBe(`${vm.stampID}/${vm.id}`);
  expect(parseContainer(containerOf(vm))).toEqual(vm);
  for (const other of ['', vm.id, `${vm.stampID}/`, `${vm.stampID}/${vm.id}/`, `x/${vm.id}`]) {
    expect(parseContainer(other)).toBeUndefined();
  }
});
