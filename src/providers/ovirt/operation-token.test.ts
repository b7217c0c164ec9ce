import { expect, test } from 'vitest';
import { operationToken, parseToken } from './operation-token.ts';

const vmID = '11111111-2222-4333-8444-555555555555';
const correlationID = '6f1d2c3b-0000-4000-8000-0123456789ab';

test('a token is read as it was written', () => {
  const create = { kind: 'create', vmID, correlationID } as const;
  const restore = { kind: 'restore', vmID, correlationID, snapshotID: vmID } as const;
  expect(parseToken(operationToken(create))).toEqual(create);
  expect(parseToken(operationToken(restore))).toEqual(restore);
  expect(operationToken({ ...create, vmID: vmID.toUpperCase() })).toBe(operationToken(create));
});

test.each([
  '',
  'create',
  `create/${vmID}/${correlationID}`,
  `create/${vmID}/${correlationID}/-/x`,
  `drop/${vmID}/${correlationID}/-`,
  `create/../${correlationID}/-`,
  `create/${vmID}/a b/-`,
  `create/${vmID}/${'x'.repeat(37)}/-`,
  `restore/${vmID}/${correlationID}/..`,
])('%s is none', (token) => {
  expect(parseToken(token)).toBeUndefined();
});
