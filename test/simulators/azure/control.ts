import { listen, type WireRequest, type WireResponse } from '../common/http-server.ts';
import type { Denial } from './authorization.ts';
import type { AzureFaultRule } from './faults.ts';
import type { FederatedCredential } from './identity.ts';
import type { Lock } from './locks.ts';
import { json } from './operations.ts';
import type { CollectionSeed, PointSeed } from './seeds.ts';
import type { AzureSimulator } from './simulator.ts';
import type { VmSpec } from './state.ts';

/** What the control API takes: the name of a command, and its argument as JSON. */
export interface ControlCommands {
  'faults.add': AzureFaultRule;
  'faults.remove': { id: number };
  'faults.clear': undefined;
  'faults.list': undefined;
  counts: undefined;
  resetCounts: undefined;
  requests: undefined;
  points: undefined;
  collections: undefined;
  everCreated: undefined;
  effects: undefined;
  contractViolations: undefined;
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
  skip: { seconds: number };
}

type Commands = { [Name in keyof ControlCommands]: (argument: ControlCommands[Name]) => unknown };

/**
 * Starts the control API: `POST /<command>` with the argument as JSON body, on the loopback address only.
 *
 * @returns its URL, and how to stop it
 */
export async function startControl(
  simulator: AzureSimulator,
  port = 0,
): Promise<{ url: string; close(): Promise<void> }> {
  const commands = commandsOf(simulator);
  const server = await listen((request) => ({ faults: [], answer: () => carryOut(commands, request) }), {
    port,
  });
  return { url: `http://127.0.0.1:${server.port}`, close: () => server.close() };
}

/** Sends a command to the control API of a simulator in another process, and gives its result. */
export async function control<Name extends keyof ControlCommands>(
  controlUrl: string,
  command: Name,
  ...argument: ControlCommands[Name] extends undefined ? [] : [ControlCommands[Name]]
): Promise<unknown> {
  const response = await fetch(`${controlUrl}/${command}`, {
    method: 'POST',
    body: JSON.stringify(argument[0] ?? null),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`The simulator refused the command ${command}: ${text}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

function commandsOf(simulator: AzureSimulator): Commands {
  const { faults, identity, authorization } = simulator;
  return {
    'faults.add': (rule) => faults.add(rule),
    'faults.remove': ({ id }) => faults.remove(id),
    'faults.clear': () => faults.clear(),
    'faults.list': () => faults.list(),
    counts: () => simulator.counts(),
    resetCounts: () => simulator.resetCounts(),
    requests: () => simulator.requests,
    points: () => simulator.points(),
    collections: () => simulator.collections(),
    everCreated: () => simulator.everCreated(),
    effects: () => simulator.effects(),
    contractViolations: () => simulator.contractViolations,
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
    skip: ({ seconds }) => simulator.skip(seconds),
  };
}

function carryOut(commands: Commands, request: WireRequest): WireResponse {
  const name = request.path.slice(1);
  if (request.method !== 'POST' || !Object.hasOwn(commands, name)) {
    return json(404, { message: `There is no command ${request.method} ${request.path}.` });
  }
  try {
    const argument: unknown = request.body.length === 0 ? null : JSON.parse(request.body.toString('utf8'));
    // The argument is the caller's business: a test of this repository, of the same types.
    const result = (commands[name as keyof ControlCommands] as (argument: unknown) => unknown)(argument);
    return result === undefined ? { status: 204, headers: {} } : json(200, result);
  } catch (error) {
    return json(400, { message: error instanceof Error ? error.message : String(error) });
  }
}
