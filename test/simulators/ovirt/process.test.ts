import { describe, expect, it } from 'vitest';
import { spawnOvirtSimulator } from './process.ts';

describe('a simulator in a process of its own', () => {
  it('is seeded, made to fail and looked at over its control API, and ends when it is told to', async () => {
    const simulator = await spawnOvirtSimulator({ version: '4.3.10', speed: 50, username: 'a@b@c' });
    try {
      expect(simulator).toMatchObject({
        username: 'a@b@c',
        caPem: expect.stringMatching(/^-----BEGIN CERTIFICATE-----/),
        url: expect.stringMatching(/^https:.*\/ovirt-engine$/),
      });
      const vm = (await simulator.control('addVm', { name: 'web', disks: [{}, {}] })) as {
        id: string;
        diskIds: string[];
      };
      expect(vm.diskIds).toHaveLength(2);
      const id = await simulator.control('faults.add', {
        kind: 'refused',
        key: 'VM_IS_LOCKED',
        operation: 'Snapshots_Create',
      });
      expect(await simulator.control('faults.list')).toMatchObject([{ id, hits: 0 }]);
      expect(await simulator.control('addSnapshot', { vmId: vm.id, description: 'seeded' })).toEqual({
        id: expect.any(String),
      });
      expect(await simulator.control('snapshots')).toHaveLength(2);
      expect(await simulator.control('everCreated')).toEqual([]);
      await expect(simulator.control('updateVm', { id: 'none', changes: {} })).rejects.toThrow(
        /There is no VM none/,
      );
    } finally {
      await simulator.stop();
    }
    await expect(simulator.control('counts')).rejects.toThrow();
  });
});
