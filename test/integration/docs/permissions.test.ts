/** The role in docs/providers/azure.md is enough for all that Keyframe does, and no more than it uses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { actions } from '../../simulators/azure/authorization.ts';
import { Stage } from '../../support/stage.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/providers/azure.md'), 'utf8');
const role = JSON.parse(/^```json\n([\s\S]*?)^```/m.exec(page)?.[1] ?? '') as { Actions: string[] };

let stage: Stage;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.set({
    azure: { durations: { replicationSeconds: 120, replicationRefreshSeconds: 20, agentTimeoutSeconds: 60 } },
  });
  namespace = await stage.cluster.createNamespace('permissions');
  for (const action of new Set(Object.values(actions)))
    if (!role.Actions.includes(action)) stage.azure.authorization.deny({ action });
  stage.vm('web-1');
  stage.vm('sick-1', { agent: 'unhealthy' });
  await stage.operator();
  await stage.provider(namespace);
});
afterAll(() => stage?.[Symbol.asyncDispose]());

it('takes, copies, follows and removes with exactly these permissions', async () => {
  await stage.snapshot(namespace, 'first', 'web-1');
  await stage.snapshot(namespace, 'sick', 'sick-1');
  await stage.make('RestorePointCopy', namespace, 'first-copy', {
    source: { snapshotRef: { name: 'first' } },
    target: { location: 'northeurope' },
  });
  await stage.reason('RestorePointCopy', namespace, 'first-copy', 'Replicated');
  // Why it failed is in the operation.
  const { status } = await stage.reason('VMSnapshot', namespace, 'sick', 'CreationFailed');
  expect(status?.error.vendorCode).toBe('VMAgentStatusCommunicationError');

  await stage.removed('RestorePointCopy', namespace, 'first-copy');
  for (const name of ['first', 'sick']) {
    await stage.removed('VMSnapshot', namespace, name);
  }
  for (const { metadata } of await stage.list('RestorePointCollection', namespace))
    await stage.gone('RestorePointCollection', namespace, metadata.name);
  expect(stage.azure.points()).toEqual([]);
  expect(stage.azure.collections()).toEqual([]);

  const used = Object.keys(stage.azure.counts()).flatMap((operation) => actions[operation] ?? []);
  expect(new Set(used)).toEqual(new Set(role.Actions));
});
