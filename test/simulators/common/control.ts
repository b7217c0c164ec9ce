import type { FaultRule } from './faults.ts';
import { listen, type WireRequest, type WireResponse } from './http-server.ts';
import type { Simulator } from './simulator.ts';

/** What the control API of any simulator takes: the name of a command, and its argument as JSON. */
export interface CommonCommands<Fault extends { kind: string }> {
  'faults.add': FaultRule<Fault>;
  'faults.remove': { id: number };
  'faults.clear': undefined;
  'faults.list': undefined;
  counts: undefined;
  resetCounts: undefined;
  requests: undefined;
  everCreated: undefined;
  effects: undefined;
  contractViolations: undefined;
  skip: { seconds: number };
}

/** How commands are carried out, by name. */
export type Commands<Arguments> = { [Name in keyof Arguments]: (argument: Arguments[Name]) => unknown };

/** What follows the name of a command: its argument, where it takes one. */
type Given<Argument> = [Argument] extends [undefined]
  ? []
  : undefined extends Argument
    ? [Argument?]
    : [Argument];

/** Sends a command to the control API of a simulator in another process, and gives its result. */
export type Control<Arguments> = <Name extends keyof Arguments & string>(
  controlUrl: string,
  command: Name,
  ...argument: Given<Arguments[Name]>
) => Promise<unknown>;

/** Gives the sender of the commands of one sort of simulator. */
export function controlOf<Arguments>(): Control<Arguments> {
  return async (controlUrl, command, ...argument) => {
    const response = await fetch(`${controlUrl}/${command}`, {
      method: 'POST',
      body: JSON.stringify(argument[0] ?? null),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`The simulator refused the command ${command}: ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };
}

/** How the commands are carried out that every simulator has. */
export function commonCommands<Fault extends { kind: string }>(
  simulator: Simulator<Fault>,
): Commands<CommonCommands<Fault>> {
  const { faults } = simulator;
  return {
    'faults.add': (rule) => faults.add(rule),
    'faults.remove': ({ id }) => faults.remove(id),
    'faults.clear': () => faults.clear(),
    'faults.list': () => faults.list(),
    counts: () => simulator.counts(),
    resetCounts: () => simulator.resetCounts(),
    requests: () => simulator.requests,
    everCreated: () => simulator.everCreated(),
    effects: () => simulator.effects(),
    contractViolations: () => simulator.contractViolations,
    skip: ({ seconds }) => simulator.skip(seconds),
  };
}

/**
 * Starts a control API: `POST /<command>` with the argument as JSON body, on the loopback address only.
 *
 * @returns its URL, and how to stop it
 */
export async function startControl<Arguments>(
  commands: Commands<Arguments>,
  port = 0,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = await listen((request) => ({ faults: [], answer: () => carryOut(commands, request) }), {
    port,
  });
  return { url: `http://127.0.0.1:${server.port}`, close: () => server.close() };
}

function carryOut<Arguments>(commands: Commands<Arguments>, request: WireRequest): WireResponse {
  const name = request.path.slice(1);
  if (request.method !== 'POST' || !Object.hasOwn(commands, name)) {
    return json(404, { message: `There is no command ${request.method} ${request.path}.` });
  }
  try {
    const argument: unknown = request.body.length === 0 ? null : JSON.parse(request.body.toString('utf8'));
    // The argument is the caller's business: a test of this repository, of the same types.
    const command = commands[name as keyof Arguments] as (argument: unknown) => unknown;
    const result = command(argument ?? undefined);
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
