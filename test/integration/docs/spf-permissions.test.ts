/** The permissions in docs/providers/spf.md are enough for all that Keyframe does at VMM, and none is too many. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { restoreOf, spfProvider, startSpf } from '../../support/spf.ts';
import { Stage } from '../../support/stage.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/providers/spf.md'), 'utf8');
/** What the table grants for work of a kind. */
function granted(work: string): string[] {
  const row = page.split('\n').find((line) => line.trim().startsWith(`| ${work}`)) ?? '';
  return [...(row.split('|')[2] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
}
const checkpoints = granted('taking, describing and removing');
const power = granted('`power: StopAndStart`');

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
  await stage.operator();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

/** Takes, describes, restores with power (one guest follows, one cannot) and removes with these permissions. */
async function work(permissions: string[]): Promise<{ refused: number; restored: number; left: number }> {
  await using spf = await startSpf();
  const namespace = await stage.cluster.createNamespace('spf-permissions');
  spf.updateTenant(spf.subscriptionId, { permissions });
  await spfProvider(stage, spf, namespace, { door: 'tenantRoot' });
  const vms = [true, false].map((hasVmAdditions, index) =>
    spf.addVm({ name: `vm-${index}`, ownerRole: spf.subscriptionId, hasVmAdditions }),
  );
  await Promise.all(
    vms.map(async ({ id, name }) => {
      await stage.make('VMSnapshot', namespace, name, {
        providerRef: { name: 'spf' },
        source: { vm: { id } },
        description: 'before',
      });
      const taken = await stage.until('VMSnapshot', namespace, name, 'made or refused', ({ status }) =>
        ['Available', 'PermissionDenied'].includes(status?.conditions?.[0]?.reason ?? ''),
      );
      if (taken.status?.readyToUse !== true) return;
      await stage.patch('VMSnapshot', namespace, name, { spec: { description: 'after' } });
      await stage.until(
        'VMSnapshot',
        namespace,
        name,
        'described',
        ({ status }) => status?.description === 'after' && status.operation === undefined,
      );
      await stage.make('VMRestore', namespace, name, { ...restoreOf(name, id), power: 'StopAndStart' });
      await stage.until('VMRestore', namespace, name, 'ended, or refused', ({ status }) =>
        ['Completed', 'PermissionDenied'].includes(status?.conditions?.[0]?.reason ?? ''),
      );
    }),
  );
  const refused = spf.requests.filter(({ status }) => status === 403).length;
  if (refused === 0)
    for (const { name } of vms) {
      await stage.removed('VMSnapshot', namespace, name);
    }
  return { refused, restored: spf.everRestored().length, left: spf.checkpoints().length };
}

it('are named', () => {
  expect(checkpoints).toEqual(['Checkpoint']);
  expect(power.toSorted()).toEqual(['Shutdown', 'Start', 'Stop']);
});

it('are enough together', async () => {
  expect(await work([...checkpoints, ...power])).toEqual({ refused: 0, restored: 2, left: 0 });
});

it.concurrent.for([...checkpoints, ...power])('%s is needed', async (missing) => {
  const { refused } = await work([...checkpoints, ...power].filter((one) => one !== missing));
  expect(refused).toBeGreaterThan(0);
});
