import { type Commands, type CommonCommands, commonCommands, controlOf } from '../common/control.ts';
import type { Denial } from './authorization.ts';
import type { AzureFault } from './faults.ts';
import type { FederatedCredential } from './identity.ts';
import type { Lock } from './locks.ts';
import type { CollectionSeed, PointSeed } from './seeds.ts';
import type { AzureSimulator } from './simulator.ts';
import type { VmSpec } from './state.ts';

/** What the control API takes beside what all do. */
export interface ControlCommands extends CommonCommands<AzureFault> {
  points: undefined;
  collections: undefined;
  answerViolations: undefined;
  tokens: undefined;
  addVm: VmSpec;
  updateVm: { id: string; changes: Partial<VmSpec> };
  removeVm: { id: string };
  addCollection: CollectionSeed;
  addPoint: PointSeed;
  removePoint: { id: string };
  addResourceGroup: { name: string; location?: string; subscription?: string };
  addEncryptionSet: { id: string; location: string };
  addLock: Lock;
  removeLock: { scope: string };
  setRegistered: { registered: boolean; subscription?: string };
  deny: Denial;
  allow: { action: string };
  rotateSecret: { clientId: string; secret: string };
  revokeTokens: undefined;
  trustFederated: { clientId: string; credential: FederatedCredential };
}

/** Sends a command to a simulator in another process, and gives its result. */
export const control = controlOf<ControlCommands>();

/** How the commands are carried out. */
export function commandsOf(simulator: AzureSimulator): Commands<ControlCommands> {
  const { identity, authorization } = simulator;
  return {
    ...commonCommands(simulator),
    points: () => simulator.points(),
    collections: () => simulator.collections(),
    answerViolations: () => simulator.answerViolations,
    tokens: () => identity.issued,
    addVm: (spec) => {
      const { id, vmId, osDisk, dataDisks } = simulator.addVm(spec);
      return { id, vmId, diskIds: [osDisk, ...dataDisks].map((disk) => disk.id) };
    },
    updateVm: ({ id, changes }) => simulator.updateVm(id, changes),
    removeVm: ({ id }) => simulator.removeVm(id),
    addCollection: (seed) => ({ id: simulator.addCollection(seed).id }),
    addPoint: (seed) => ({ id: simulator.addPoint(seed).id }),
    removePoint: ({ id }) => simulator.removePoint(id),
    addResourceGroup: ({ name, location, subscription }) =>
      simulator.addResourceGroup(name, location, subscription),
    addEncryptionSet: ({ id, location }) => simulator.addEncryptionSet(id, location),
    addLock: (lock) => simulator.addLock(lock),
    removeLock: ({ scope }) => simulator.removeLock(scope),
    setRegistered: ({ registered, subscription }) => simulator.setRegistered(registered, subscription),
    deny: (denial) => authorization.deny(denial),
    allow: ({ action }) => authorization.allow(action),
    rotateSecret: ({ clientId, secret }) => identity.rotateSecret(clientId, secret),
    revokeTokens: () => identity.revokeTokens(),
    trustFederated: ({ clientId, credential }) => identity.trustFederated(clientId, credential),
  };
}
