import { listen, type WireRequest, type WireResponse } from '../common/http-server.ts';
import type { OvirtFaultRule } from './faults.ts';
import type { UserSpec } from './options.ts';
import type { SnapshotSeed, VmChanges, VmSpec } from './seeds.ts';
import type { OvirtSimulator } from './simulator.ts';
import type { Disk, StorageDomain } from './state.ts';

/** What the control API takes: the name of a command, and its argument as JSON. */
export interface ControlCommands {
  'faults.add': OvirtFaultRule;
  'faults.remove': { id: number };
  'faults.clear': undefined;
  'faults.list': undefined;
  counts: undefined;
  resetCounts: undefined;
  requests: undefined;
  snapshots: { vmId?: string } | undefined;
  vms: undefined;
  events: undefined;
  jobs: undefined;
  everCreated: undefined;
  effects: undefined;
  contractViolations: undefined;
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
  skip: { seconds: number };
}

type Commands = { [Name in keyof ControlCommands]: (argument: ControlCommands[Name]) => unknown };

/**
 * Starts the control API: `POST /<command>` with the argument as JSON body, on the loopback address only.
 *
 * @returns its URL, and how to stop it
 */
export async function startControl(
  simulator: OvirtSimulator,
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
  ...argument: undefined extends ControlCommands[Name] ? [ControlCommands[Name]?] : [ControlCommands[Name]]
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

function commandsOf(simulator: OvirtSimulator): Commands {
  const { faults, logins } = simulator;
  return {
    'faults.add': (rule) => faults.add(rule),
    'faults.remove': ({ id }) => faults.remove(id),
    'faults.clear': () => faults.clear(),
    'faults.list': () => faults.list(),
    counts: () => simulator.counts(),
    resetCounts: () => simulator.resetCounts(),
    requests: () => simulator.requests,
    snapshots: (filter) => simulator.snapshots(filter?.vmId),
    vms: () => simulator.vms(),
    events: () => simulator.events(),
    jobs: () => simulator.jobs(),
    everCreated: () => simulator.everCreated(),
    effects: () => simulator.effects(),
    contractViolations: () => simulator.contractViolations,
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
    const result = (commands[name as keyof ControlCommands] as (argument: unknown) => unknown)(
      argument ?? undefined,
    );
    return result === undefined ? { status: 204, headers: {} } : json(200, result);
  } catch (error) {
    return json(400, { message: error instanceof Error ? error.message : String(error) });
  }
}

function json(status: number, body: unknown): WireResponse {
  return { status, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body };
}
