import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { badRequest, EngineError } from './errors.ts';

/** What a body may hold: plain values, objects, and lists whose items stand below a name of their own. */
export type Shape =
  | 'text'
  | 'boolean'
  | 'number'
  | { readonly fields: { readonly [name: string]: Shape } }
  | { readonly item: string; readonly of: Shape };

/** The value that reading a body of some shape gives; every field may be absent. */
export type Read<S> = S extends 'text'
  ? string
  : S extends 'boolean'
    ? boolean
    : S extends 'number'
      ? number
      : S extends { fields: infer Fields }
        ? { -readonly [Name in keyof Fields]?: Read<Fields[Name]> }
        : S extends { of: infer Item }
          ? Read<Item>[]
          : never;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  ignoreDeclaration: true,
  parseTagValue: false,
  parseAttributeValue: false,
});

/**
 * Reads a body in XML or JSON.
 *
 * @param root the name of the XML's root element; JSON has nothing around its fields
 * @throws EngineError 400 or 415 when it is absent, cannot be read, or holds what its shape does not allow
 */
export function readBody<const S extends Shape>(
  body: Buffer,
  contentType: string | undefined,
  root: string,
  shape: S,
): Read<S> {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  const text = body.toString('utf8');
  if (text.trim() === '') throw unreadable(`A body with <${root}> is needed, and there is none.`);
  if (type === 'application/xml') return convert(parseXml(text, root), shape, root) as Read<S>;
  if (type === 'application/json') return convert(parseJson(text), shape, root) as Read<S>;
  throw new EngineError(415, 'Unsupported Media Type', '', {
    form: 'html',
    violation: `Content-Type '${contentType ?? ''}' in place of application/xml or application/json`,
  });
}

function parseXml(text: string, root: string): unknown {
  const valid = XMLValidator.validate(text);
  if (valid !== true) throw unreadable(valid.err.msg);
  const document = parser.parse(text) as Record<string, unknown>;
  if (!Object.hasOwn(document, root)) {
    throw unreadable(`The root element is <${Object.keys(document)[0] ?? ''}> in place of <${root}>.`);
  }
  return document[root];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : String(error));
  }
}

function convert(value: unknown, shape: Shape, path: string): unknown {
  if (shape === 'text') return scalar(value, path);
  if (shape === 'boolean') return booleanOf(scalar(value, path), path);
  if (shape === 'number') return numberOf(scalar(value, path), path);
  if ('item' in shape) return items(value, shape, path);
  return fieldsOf(value, shape.fields, path);
}

function fieldsOf(value: unknown, fields: Readonly<Record<string, Shape>>, path: string): unknown {
  // An element without anything in it is read as an empty string.
  if (value === '') return {};
  if (!isObject(value)) throw badRequest('Invalid value', `${path} must be an object.`);
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    // References may bear the href that they were read with.
    if (name === 'href' && 'id' in fields) continue;
    const shape = fields[name];
    if (shape === undefined) throw badRequest('Invalid value', `${path} has no '${name}' that can be set.`);
    if (inner !== null) result[name] = convert(inner, shape, `${path}.${name}`);
  }
  return result;
}

function items(value: unknown, shape: { item: string; of: Shape }, path: string): unknown[] {
  if (value === '') return [];
  if (Array.isArray(value)) {
    if (value.length === 0) return [];
    throw badRequest('Invalid value', `${path} holds its items under '${shape.item}'.`);
  }
  if (!isObject(value)) throw badRequest('Invalid value', `${path} must be a list of '${shape.item}'.`);
  const others = Object.keys(value).filter((name) => name !== shape.item);
  if (others.length > 0) throw badRequest('Invalid value', `${path} has no '${others.join("', '")}'.`);
  const inner = value[shape.item];
  if (inner === undefined) return [];
  return [inner].flat().map((item) => convert(item, shape.of, `${path}.${shape.item}`));
}

function scalar(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw badRequest('Invalid value', `${path} must be a plain value.`);
}

function booleanOf(text: string, path: string): boolean {
  if (text === 'true') return true;
  if (text === 'false') return false;
  throw badRequest('Invalid value', `${path} must be true or false, not '${text}'.`);
}

function numberOf(text: string, path: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(number)) {
    throw badRequest('Invalid value', `${path} must be a whole number, not '${text}'.`);
  }
  return number;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(detail: string): EngineError {
  return badRequest('Request syntactically incorrect. See the link below for correct usage:', detail);
}
