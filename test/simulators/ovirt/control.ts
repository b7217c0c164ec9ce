import { type Commands, type CommonCommands, commonCommands, controlOf } from '../common/control.ts';
import type { OvirtFault } from './faults.ts';
import type { UserSpec } from './options.ts';
import type { SnapshotSeed, VmChanges, VmSpec } from './seeds.ts';
import type { OvirtSimulator } from './simulator.ts';
import type { Disk, StorageDomain } from './state.ts';

/** What the control API takes beside what all do. */
export interface ControlCommands extends CommonCommands<OvirtFault> {
  snapshots: { vmId?: string } | undefined;
  vms: undefined;
  events: undefined;
  jobs: undefined;
  logins: undefined;
  addVm: VmSpec;
  updateVm: { id: string; changes: VmChanges };
  removeVm: { id: string };
  addSnapshot: SnapshotSeed;
  removeSnapshot: { id: string };
  updateDisk: { id: string; changes: Partial<Pick<Disk, 'status' | 'content' | 'actualSize'>> };
  addStorageDomain: Partial<StorageDomain>;
  updateStorageDomain: { id: string; changes: Partial<Omit<StorageDomain, 'id'>> };
  addCluster: { name: string };
  putUser: UserSpec;
  dropLogins: undefined;
}

/** Sends a command to a simulator in another process, and gives its result. */
export const control = controlOf<ControlCommands>();

/** How the commands are carried out. */
export function commandsOf(simulator: OvirtSimulator): Commands<ControlCommands> {
  const { logins } = simulator;
  return {
    ...commonCommands(simulator),
    snapshots: (filter) => simulator.snapshots(filter?.vmId),
    vms: () => simulator.vms(),
    events: () => simulator.events(),
    jobs: () => simulator.jobs(),
    logins: () => logins.open(),
    addVm: (spec) => {
      const { id, attachments } = simulator.addVm(spec);
      return { id, diskIds: attachments.map(({ diskId }) => diskId) };
    },
    updateVm: ({ id, changes }) => simulator.updateVm(id, changes),
    removeVm: ({ id }) => simulator.removeVm(id),
    addSnapshot: (seed) => ({ id: simulator.addSnapshot(seed).id }),
    removeSnapshot: ({ id }) => simulator.removeSnapshot(id),
    updateDisk: ({ id, changes }) => simulator.updateDisk(id, changes),
    addStorageDomain: (spec) => simulator.addStorageDomain(spec),
    updateStorageDomain: ({ id, changes }) => simulator.updateStorageDomain(id, changes),
    addCluster: ({ name }) => simulator.addCluster(name),
    putUser: (spec) => simulator.putUser(spec),
    dropLogins: () => simulator.dropLogins(),
  };
}
