import { describe, expect, it } from 'vitest';
import type { AzureFault } from './faults.ts';
import { spawnAzureSimulator } from './process.ts';

describe('a simulator in a process of its own', () => {
  it('is seeded, made to fail and looked at over its control API, and ends when it is told to', async () => {
    const simulator = await spawnAzureSimulator({ speed: 50, subscriptionId: 'a-subscription' });
    try {
      expect(simulator.subscriptionId).toBe('a-subscription');
      expect(simulator.caPem).toMatch(/^-----BEGIN CERTIFICATE-----/);
      expect(await simulator.control('addVm', { name: 'web', dataDisks: [{}] })).toMatchObject({
        id: '/subscriptions/a-subscription/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web',
      });
      const fault: AzureFault = { kind: 'respond', status: 404 };
      const id = await simulator.control('faults.add', {
        ...fault,
        operation: 'ManagedIdentity_Token',
        times: 2,
      });
      const token = `${simulator.managedIdentityUrl}/metadata/identity/oauth2/token`;
      expect((await fetch(token)).status).toBe(404);
      expect(await simulator.control('faults.list')).toMatchObject([{ id, hits: 1 }]);
      await simulator.control('faults.clear');
      expect((await fetch(token)).status).toBe(400);
      expect(await simulator.control('counts')).toEqual({ ManagedIdentity_Token: 2 });
      expect(await simulator.control('points')).toEqual([]);
      await expect(simulator.control('updateVm', { id: 'none', changes: {} })).rejects.toThrow(
        /There is no VM none/,
      );
    } finally {
      await simulator.stop();
    }
    await expect(simulator.control('counts')).rejects.toThrow();
  });
});
