import type { WireRequest } from '../common/http-server.ts';
import { contractError } from './errors.ts';
import type { Format } from './formats.ts';
import type { EdmType, EntityType, Members } from './model.ts';

/** The method of a request, after what tunnels it. */
export type Verb = 'GET' | 'POST' | 'PUT' | 'MERGE' | 'PATCH' | 'DELETE';

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const version = /^[123]\.0(;.*)?$/;

/** What an entity of a body is checked for. */
export interface BodyRules {
  type: EntityType;
  /** Members that the client may set. */
  writable: readonly string[];
  /** Members that must be there. */
  required: readonly string[];
  /** A whole entity, as PUT and POST send it: other members may be there, but null unless `echo` is set. */
  whole: boolean;
  /** Other members may bear what was read, as in a PUT of an entity. */
  echo: boolean;
}

/**
 * The format that the Accept header asks for.
 *
 * @throws SpfError 415 when it asks for what there is not
 */
export function acceptedFormat(headers: Readonly<Record<string, string>>): Format {
  const accept = headers.accept?.trim().toLowerCase();
  if (accept === undefined || accept === '') return 'atom';
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    if (['*/*', 'application/*', 'application/xml', 'application/atom+xml', 'text/xml'].includes(type))
      return 'atom';
    if (type !== 'application/json') continue;
    const odata = parameters.find((parameter) => parameter.startsWith('odata='))?.slice('odata='.length);
    if (odata === 'verbose') return 'verbose';
    if (odata === 'fullmetadata') return 'full';
    if (odata === 'nometadata') return 'none';
    if (odata === undefined || odata === 'minimalmetadata' || odata === 'light') return 'minimal';
  }
  throw contractError(415, '', `Unsupported media type requested: '${accept}'.`);
}

/**
 * Checks what every request must have.
 *
 * @throws SpfError 400 or 415
 */
export function checkHeaders(wire: WireRequest, verb: Verb): void {
  const { headers } = wire;
  for (const name of ['dataserviceversion', 'maxdataserviceversion']) {
    const value = headers[name];
    if (value !== undefined && !version.test(value)) {
      throw contractError(400, '', `The header ${name} has the value '${value}', which is no version.`);
    }
  }
  const max = headers.maxdataserviceversion;
  if (max !== undefined && !max.startsWith('3') && acceptedFormat(headers) !== 'verbose') {
    throw contractError(400, '', `MaxDataServiceVersion '${max}' is too low for what is asked for.`);
  }
  const principal = headers['x-ms-principal-id'];
  if (principal === undefined || principal.trim() === '') {
    throw contractError(400, '', 'The header x-ms-principal-id is missing.');
  }
  const hasBody = wire.body.length > 0;
  const needsBody = verb !== 'GET' && verb !== 'DELETE';
  if (hasBody && !needsBody) throw contractError(400, '', `A ${verb} has no body.`);
  if (!hasBody && needsBody) throw contractError(400, '', `A ${verb} needs a body.`);
  if (hasBody && !/^application\/json(;|$)/i.test(headers['content-type'] ?? '')) {
    const given = headers['content-type'] ?? 'none';
    throw contractError(415, '', `The content type of the body is ${given}; only JSON is simulated.`);
  }
}

/**
 * Reads the entity in a body and checks it, member by member.
 *
 * @throws SpfError 400
 */
export function readEntity(wire: WireRequest, rules: BodyRules): Members {
  const parsed = parseBody(wire);
  if (parsed === undefined) throw contractError(400, '', 'The body is no JSON object.');
  const { type } = rules;
  const isVerbose = /odata=verbose/i.test(wire.headers['content-type'] ?? '');
  const named = isVerbose ? (parsed.__metadata as Members | undefined)?.type : parsed['odata.type'];
  if (named !== undefined && named !== type.name) {
    throw contractError(400, '', `The body says that it is a '${String(named)}', not a '${type.name}'.`);
  }
  const entity: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (name === (isVerbose ? '__metadata' : 'odata.type') || (!isVerbose && name === 'odata.metadata'))
      continue;
    checkMember(name, value, rules);
    if (!name.includes('@')) entity[name] = value;
  }
  for (const name of rules.required) {
    if (entity[name] === undefined || entity[name] === null) {
      throw contractError(400, '', `The mandatory property '${name}' of '${type.name}' is missing.`);
    }
  }
  return entity;
}

/** The JSON object in a body; undefined when there is none. */
export function parseBody(wire: WireRequest): Members | undefined {
  try {
    const parsed: unknown = JSON.parse(wire.body.toString('utf8'));
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Members) : undefined;
  } catch {
    return undefined;
  }
}

function checkMember(name: string, value: unknown, rules: BodyRules): void {
  const { type, writable, whole, echo } = rules;
  const [property = name, annotation] = name.split('@');
  const edm = type.properties[property];
  if (edm === undefined || (annotation !== undefined && !annotation.startsWith('odata.'))) {
    throw contractError(400, '', `The property '${name}' does not exist on type '${type.name}'.`);
  }
  if (annotation !== undefined) return;
  if (value !== null && !hasType(value, edm)) {
    throw contractError(400, '', `The value of '${name}' is no ${edm}: ${JSON.stringify(value)}.`);
  }
  if (writable.includes(name) || (whole && (value === null || echo))) return;
  throw contractError(400, '', `The property '${name}' of '${type.name}' cannot be set by this request.`);
}

function hasType(value: unknown, edm: EdmType): boolean {
  switch (edm) {
    case 'Edm.Guid':
      return typeof value === 'string' && guid.test(value);
    case 'Edm.Boolean':
      return typeof value === 'boolean';
    case 'Edm.Int32':
      return Number.isInteger(value);
    case 'Edm.Int64':
      return typeof value === 'string' && /^-?\d+$/.test(value);
    case 'Edm.DateTime':
      return (
        typeof value === 'string' &&
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?([+-]\d\d:\d\d|Z)?$/.test(value)
      );
    case 'Edm.String':
      return typeof value === 'string';
    default:
      return typeof value === 'object';
  }
}
