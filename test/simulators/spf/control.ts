import { X509Certificate } from 'node:crypto';
import { listen, type WireRequest, type WireResponse } from '../common/http-server.ts';
import type { SpfFaultRule } from './faults.ts';
import type { Account, Behaviour } from './options.ts';
import type { CheckpointSeed } from './seeds.ts';
import type { CheckpointChanges, SpfSimulator, TenantChanges, VmChanges } from './simulator.ts';
import type { VmSpec } from './state.ts';

/** What the control API takes: the name of a command, and its argument as JSON. */
export interface ControlCommands {
  'faults.add': SpfFaultRule;
  'faults.remove': { id: number };
  'faults.clear': undefined;
  'faults.list': undefined;
  counts: undefined;
  resetCounts: undefined;
  requests: undefined;
  checkpoints: undefined;
  vms: undefined;
  jobs: undefined;
  everCreated: undefined;
  everRestored: undefined;
  effects: undefined;
  contractViolations: undefined;
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
  skip: { seconds: number };
}

type Commands = { [Name in keyof ControlCommands]: (argument: ControlCommands[Name]) => unknown };

/**
 * Starts the control API: `POST /<command>` with the argument as JSON body, on the loopback address only.
 *
 * @returns its URL, and how to stop it
 */
export async function startControl(
  simulator: SpfSimulator,
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

function commandsOf(simulator: SpfSimulator): Commands {
  const { faults, authentication } = simulator;
  return {
    'faults.add': (rule) => faults.add(rule),
    'faults.remove': ({ id }) => faults.remove(id),
    'faults.clear': () => faults.clear(),
    'faults.list': () => faults.list(),
    counts: () => simulator.counts(),
    resetCounts: () => simulator.resetCounts(),
    requests: () => simulator.requests,
    checkpoints: () => simulator.checkpoints(),
    vms: () => simulator.vms(),
    jobs: () => simulator.jobs(),
    everCreated: () => simulator.everCreated(),
    everRestored: () => simulator.everRestored(),
    effects: () => simulator.effects(),
    contractViolations: () => simulator.contractViolations,
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

function json(status: number, body: unknown): WireResponse {
  // A text is a JSON value like any other here.
  const text = JSON.stringify(body);
  return { status, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body: text };
}
