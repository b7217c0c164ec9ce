import { expect, it } from 'vitest';
import { restoreState, type SavedState, saveState } from './saved-state.ts';
import { type AzureSimulator, startAzureSimulator } from './simulator.ts';
import { testClient, version } from './test-client.ts';

/** What a simulator answers of everything that it holds. */
async function answers(simulator: AzureSimulator): Promise<unknown[]> {
  await using client = testClient(simulator);
  const paths = [
    ...[...simulator.world.vms.values()].map(({ id }) => `${id}?${version}`),
    ...simulator.collections().map(({ id }) => `${id}?${version}&%24expand=restorePoints`),
    ...simulator.points().map(({ id }) => `${id}?${version}&%24expand=instanceView`),
  ];
  return await Promise.all(paths.map(async (path) => (await client.send('GET', path)).json));
}

it('goes on in another simulator, which answers the same: what is whole, in the making, and on its way', async () => {
  await using first = await startAzureSimulator({ durations: { copyStartSeconds: 0.01 } });
  const vm = first.addVm({ name: 'web', location: 'westeurope', dataDisks: [{ sizeGB: 64 }] });
  first.addCollection({ name: 'local', sourceId: vm.id, tags: { mine: 'yes' } });
  const target = first.addCollection({
    name: 'target',
    sourceId: `${vm.id.replace(/virtualMachines.*/, '')}restorePointCollections/local`,
    location: 'northeurope',
  });
  await using client = testClient(first);
  const base = `${client.provider}/restorePointCollections`;
  const whole = first.addPoint({ collectionId: `${base}/local`, name: 'whole' });
  await client.send('PUT', `${base}/target/restorePoints/copy?${version}`, {
    body: { properties: { sourceRestorePoint: { id: whole.id } } },
  });
  await client.send('PUT', `${base}/local/restorePoints/made?${version}`, { body: {} });
  await expect
    .poll(() => first.points().find(({ name }) => name === 'copy')?.provisioningState)
    .toBe('Succeeded');

  const saved = JSON.parse(JSON.stringify(saveState(first.world))) as SavedState;
  await using second = await startAzureSimulator({ subscriptionId: first.subscriptionId });
  restoreState(second.world, saved);
  expect(await answers(second)).toEqual(await answers(first));
  expect(second.points().find(({ name }) => name === 'made')?.provisioningState).toBe('Creating');
  expect(second.everCreated()).toEqual([]);

  await using third = await startAzureSimulator({ subscriptionId: first.subscriptionId });
  restoreState(third.world, saved, 60_000);
  const created = (simulator: AzureSimulator) => simulator.points().map(({ timeCreated }) => timeCreated);
  expect(created(third)).toEqual(created(first).map((instant) => instant + 60_000));
  expect(third.collections().find(({ id }) => id === target.id)?.tags).toBeUndefined();
});
