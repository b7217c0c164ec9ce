import { contractError, notFound, SpfError } from './errors.ts';
import { entityTypes, type SetName } from './model.ts';

/** The ways in: SPF's own site, and the three of Windows Azure Pack (SPF sheet, section 1). */
export type Door = 'spf' | 'wapAdmin' | 'wapTenant' | 'wapPublic';

/** The key of an entity, in lower case. */
export interface Key {
  id: string;
  stampId: string;
}

/** What a path means. */
export interface Target {
  /** The service root as the client wrote it, with its slash: a path. */
  rootPath: string;
  /** The subscription in it, in lower case; undefined: the scope of an administrator. */
  subscription: string | undefined;
  resource:
    | { kind: 'service' }
    | { kind: 'metadata' }
    | { kind: 'set'; set: SetName }
    | { kind: 'entity'; set: SetName; key: Key };
}

const guid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const odataFile = 'microsoft\\.management\\.odata\\.svc';

/** The roots, without regard to case up to their end; the first group is the subscription. */
const roots: Readonly<Record<Door, RegExp>> = {
  spf: new RegExp(`^/sc2012r2/vmm(?:/(${guid}))?/${odataFile}(?=/|$)`, 'i'),
  wapAdmin: new RegExp(`^/services/systemcenter/sc2012r2/vmm/${odataFile}(?=/|$)`, 'i'),
  wapTenant: new RegExp(`^/(${guid})/services/systemcenter/vmm(?=/|$)`, 'i'),
  wapPublic: new RegExp(`^/(${guid})/services/systemcenter/vmm(?=/|$)`, 'i'),
};

/**
 * Reads a path, still percent-encoded.
 *
 * @throws SpfError IIS' 404 outside every root, SPF's own for what is no set, 400 for a key that is none
 */
export function parsePath(door: Door, path: string): Target {
  const match = roots[door].exec(path);
  if (match === null) {
    throw new SpfError(404, '', 'Not Found', { form: 'iis', contractViolation: true });
  }
  const target = { rootPath: `${match[0]}/`, subscription: match[1]?.toLowerCase() };
  const rest = decode(path.slice(match[0].length).replace(/^\//, ''));
  if (rest === '') return { ...target, resource: { kind: 'service' } };
  if (rest === '$metadata') return { ...target, resource: { kind: 'metadata' } };
  const parts = /^([A-Za-z0-9]+)(?:\((.*)\))?$/.exec(rest);
  const set = parts?.[1] ?? rest;
  if (parts === null || !isSet(set)) {
    const { status, code, message } = notFound(set);
    throw contractError(status, code, message);
  }
  const key = parts[2];
  if (key === undefined || key === '') return { ...target, resource: { kind: 'set', set } };
  return { ...target, resource: { kind: 'entity', set, key: parseKey(set, key) } };
}

/** `ID=guid'..',StampId=guid'..'` in any order. */
function parseKey(set: SetName, text: string): Key {
  const values = new Map<string, string>();
  for (const pair of text.split(',')) {
    const match = new RegExp(`^(ID|StampId)=guid'(${guid})'$`, 'i').exec(pair.trim());
    const [, name = '', value = ''] = match ?? [];
    if (match === null || (name !== 'ID' && name !== 'StampId') || values.has(name)) {
      throw contractError(400, '', `Syntax error in the key of '${set}': (${text}).`);
    }
    values.set(name, value.toLowerCase());
  }
  const id = values.get('ID');
  const stampId = values.get('StampId');
  if (id === undefined || stampId === undefined) {
    throw contractError(
      400,
      '',
      `The number of keys specified in the URI does not match number of key properties for the resource '${set}'.`,
    );
  }
  return { id, stampId };
}

/** The options of a query. */
export interface Query {
  filter: string | undefined;
  top: number | undefined;
  skip: number | undefined;
  skipToken: string | undefined;
  count: boolean;
  /** Whether the call is to return before its job has ended. */
  asynchronous: boolean;
}

/**
 * Reads a query as it came. A `+` is a space; the `$` of an option has to be plain (SPF sheet, section 9).
 *
 * @throws SpfError 400 for an option that there is not, or is not simulated
 */
export function parseQuery(rawQuery: string): Query {
  const query: Query = {
    filter: undefined,
    top: undefined,
    skip: undefined,
    skipToken: undefined,
    count: false,
    asynchronous: true,
  };
  if (rawQuery === '') return query;
  for (const part of rawQuery.split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = decode((equals < 0 ? '' : part.slice(equals + 1)).replaceAll('+', ' '));
    if (name === '$filter') query.filter = value;
    else if (name === '$top') query.top = wholeNumber(name, value);
    else if (name === '$skip') query.skip = wholeNumber(name, value);
    else if (name === '$skiptoken') query.skipToken = value;
    else if (name === '$inlinecount') query.count = value === 'allpages';
    else if (name === 'RunAsynchronously' && (value === '0' || value === '1'))
      query.asynchronous = value === '1';
    else throw contractError(400, '', `The query parameter '${part}' is not recognized, or not simulated.`);
  }
  return query;
}

function wholeNumber(name: string, value: string): number {
  if (!/^\d{1,9}$/.test(value))
    throw contractError(400, '', `Incorrect format for ${name} argument '${value}'.`);
  return Number(value);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw contractError(400, '', `'${text}' is not percent-encoded.`);
  }
}

function isSet(name: string): name is SetName {
  return Object.hasOwn(entityTypes, name);
}
