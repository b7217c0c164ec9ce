import { describe, expect, it } from 'vitest';
import type { SpfFault } from './faults.ts';
import { spawnSpfSimulator } from './process.ts';

describe('a simulator in a process of its own', () => {
  it('is seeded, made to fail and looked at over its control API, and ends when it is told to', async () => {
    const stampId = '00000000-0000-0000-0000-00000000000a';
    const simulator = await spawnSpfSimulator({ speed: 50, stampId });
    try {
      expect(simulator.caPem).toMatch(/^-----BEGIN CERTIFICATE-----/);
      expect(simulator.tenantRoot).toContain(simulator.subscriptionId);
      const vm = (await simulator.control('addVm', { name: 'web' })) as { id: string; stampId: string };
      expect(vm.stampId).toBe(stampId);
      await simulator.control('addCheckpoint', { vmId: vm.id, name: 'one' });
      expect(await simulator.control('checkpoints')).toMatchObject([{ name: 'one', vmId: vm.id }]);
      const fault: SpfFault = { kind: 'job-stuck', percent: 7 };
      const id = await simulator.control('faults.add', { ...fault, operation: 'VMCheckPoints_Create' });
      expect(await simulator.control('faults.list')).toMatchObject([{ id, hits: 0 }]);
      await simulator.control('updateVm', { id: vm.id, changes: { transient: 'UnderMigration' } });
      expect(await simulator.control('vms')).toMatchObject([{ status: 'UnderMigration' }]);
      await simulator.control('updateVm', { id: vm.id, changes: { transient: null } });
      expect(await simulator.control('vms')).toMatchObject([{ status: 'Running' }]);
      expect(await simulator.control('everCreated')).toEqual([]);
      expect(await simulator.control('issueToken', {})).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
      await expect(simulator.control('updateVm', { id: 'none', changes: {} })).rejects.toThrow(
        /There is no VM none/,
      );
    } finally {
      await simulator.stop();
    }
    await expect(simulator.control('counts')).rejects.toThrow();
  });
});
