import { X509Certificate } from 'node:crypto';
import { type Commands, type CommonCommands, commonCommands, controlOf } from '../common/control.ts';
import type { SpfFault } from './faults.ts';
import type { Account, Behaviour } from './options.ts';
import type { CheckpointSeed } from './seeds.ts';
import type { CheckpointChanges, SpfSimulator, TenantChanges, VmChanges } from './simulator.ts';
import type { VmSpec } from './state.ts';

/** What the control API takes beside what all do. */
export interface ControlCommands extends CommonCommands<SpfFault> {
  checkpoints: undefined;
  vms: undefined;
  jobs: undefined;
  everRestored: undefined;
  authenticationFailures: undefined;
  addVm: VmSpec;
  updateVm: { id: string; changes: VmChanges };
  removeVm: { id: string };
  addCheckpoint: CheckpointSeed;
  updateCheckpoint: { id: string; changes: CheckpointChanges };
  removeCheckpoint: { id: string };
  addForeignTask: { vmId: string };
  addTenant: { subscriptionId: string; name?: string };
  updateTenant: { subscriptionId: string; changes: TenantChanges };
  addCloud: { name: string; description?: string };
  addAccount: Account;
  behave: Partial<Behaviour>;
  issueToken: { subscriptions?: string[]; seconds?: number };
  revokeTokens: undefined;
  /** The certificate is PEM. */
  trustCertificate: { certificate: string; subscription: string };
  forgetConnections: undefined;
}

/** Sends a command to a simulator in another process, and gives its result. */
export const control = controlOf<ControlCommands>();

/** How the commands are carried out. */
export function commandsOf(simulator: SpfSimulator): Commands<ControlCommands> {
  const { authentication } = simulator;
  return {
    ...commonCommands(simulator),
    checkpoints: () => simulator.checkpoints(),
    vms: () => simulator.vms(),
    jobs: () => simulator.jobs(),
    everRestored: () => simulator.everRestored(),
    authenticationFailures: () => simulator.authenticationFailures,
    addVm: (spec) => {
      const { id, stampId, hypervisorId } = simulator.addVm(spec);
      return { id, stampId, hypervisorId };
    },
    updateVm: ({ id, changes }) => simulator.updateVm(id, changes),
    removeVm: ({ id }) => simulator.removeVm(id),
    addCheckpoint: (seed) => {
      const { id, stampId, checkpointId } = simulator.addCheckpoint(seed);
      return { id, stampId, checkpointId };
    },
    updateCheckpoint: ({ id, changes }) => simulator.updateCheckpoint(id, changes),
    removeCheckpoint: ({ id }) => simulator.removeCheckpoint(id),
    addForeignTask: ({ vmId }) => simulator.addForeignTask(vmId),
    addTenant: ({ subscriptionId, name }) => {
      simulator.addTenant(subscriptionId, name);
    },
    updateTenant: ({ subscriptionId, changes }) => simulator.updateTenant(subscriptionId, changes),
    addCloud: ({ name, description }) => simulator.addCloud(name, description),
    addAccount: (account) => simulator.addAccount(account),
    behave: (changes) => simulator.behave(changes),
    issueToken: (options) => authentication.issueToken(options),
    revokeTokens: () => authentication.revokeTokens(),
    trustCertificate: ({ certificate, subscription }) =>
      authentication.trustCertificate(new X509Certificate(certificate).raw, subscription),
    forgetConnections: () => authentication.forgetConnections(),
  };
}
