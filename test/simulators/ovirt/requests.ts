import type { WireRequest } from '../common/http-server.ts';
import { type Read, readBody, type Shape } from './body.ts';
import type { ObjectElement } from './document.ts';
import { type ApiVersion, atLeast, type EngineVersion } from './engine-version.ts';
import type { OvirtFault } from './faults.ts';
import type { User } from './users.ts';

/** A request on its way through the engine, looked at as far as every operation needs it. */
export interface EngineRequest {
  wire: WireRequest;
  operation: string;
  version: EngineVersion;
  /** The shape that was asked for. */
  api: ApiVersion;
  /** What hrefs begin with, such as `/ovirt-engine/api`. */
  base: string;
  /** The variable parts of the path, by name. */
  parameters: Readonly<Record<string, string>>;
  /** Query and matrix parameters that the engine takes. */
  options: ReadonlyMap<string, string>;
  user: User;
  /** Given by the client; undefined when the engine has to make one up. */
  correlationId: string | undefined;
  faults: readonly OvirtFault[];
  /** Notes a defect of the client that the engine would let pass. */
  violation(message: string): void;
}

/** What an operation answers: an element, or no body. */
export interface EngineAnswer {
  status: number;
  headers?: Record<string, string>;
  element?: ObjectElement | { kind: 'list'; name: string; items: ObjectElement[] };
}

/** The variable part of that name; the router has made sure that there is one. */
export function parameter(request: EngineRequest, name: string): string {
  const value = request.parameters[name];
  if (value === undefined) throw new Error(`The route of ${request.operation} has no parameter ${name}.`);
  return value;
}

/** Reads the request's body, see `readBody`. */
export function bodyOf<const S extends Shape>(request: EngineRequest, root: string, shape: S): Read<S> {
  return readBody(request.wire.body, request.wire.headers['content-type'], root, shape);
}

/** A boolean parameter: true, t, yes, y, 1, and no value count as true; undefined when it is absent or nonsense. */
export function flag(request: EngineRequest, name: string): boolean | undefined {
  return readFlag(request.options.get(name));
}

/** Reads a boolean as engines do; undefined for nonsense. */
export function readFlag(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (['', 'true', 't', 'yes', 'y', '1'].includes(text.toLowerCase())) return true;
  if (['false', 'f', 'no', 'n', '0'].includes(text.toLowerCase())) return false;
  return undefined;
}

/** A parameter that is a whole number; undefined when it is absent or nonsense, which engines ignore. */
export function numberOption(request: EngineRequest, name: string): number | undefined {
  const text = request.options.get(name);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Whether everything is asked for: by header on every release, by parameter from 4.2 on. */
export function wantsAllContent(request: EngineRequest): boolean {
  const byParameter = atLeast(request.version, '4.2') ? flag(request, 'all_content') : undefined;
  return byParameter ?? readFlag(request.wire.headers['all-content']) ?? false;
}

/** Whether the answer must not wait, and refusals are not reported (oVirt sheet, section 8). */
export function isDetached(request: EngineRequest): boolean {
  return flag(request, 'async') === true || expectation(request) === '202-accepted';
}

/** What the client expects, from 3.5 on. Plain `Expect` never comes here: the HTTP server refuses it with 417. */
export function expectation(request: EngineRequest): string | undefined {
  if (!atLeast(request.version, '3.5')) return undefined;
  return request.wire.headers['x-ovirt-expect']?.trim().toLowerCase();
}
