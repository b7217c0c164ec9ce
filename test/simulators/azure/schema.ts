import { readFileSync } from 'node:fs';

/** A node of a Swagger 2.0 document, as far as it is used here. */
export interface SwaggerSchema {
  $ref?: string;
  type?: string;
  format?: string;
  enum?: string[];
  'x-ms-enum'?: { modelAsString?: boolean };
  pattern?: string;
  readOnly?: boolean;
  properties?: Record<string, SwaggerSchema>;
  additionalProperties?: SwaggerSchema | boolean;
  required?: string[];
  items?: SwaggerSchema;
  allOf?: SwaggerSchema[];
}

/** A parameter of an operation, its reference followed. */
export interface SwaggerParameter {
  name: string;
  in: 'path' | 'query' | 'header' | 'body';
  required?: boolean;
  enum?: string[];
  schema?: SwaggerSchema;
}

/** An operation of a Swagger 2.0 document. */
export interface SwaggerOperation {
  operationId: string;
  parameters?: (SwaggerParameter | { $ref: string })[];
  responses: Record<string, { schema?: SwaggerSchema }>;
  'x-ms-long-running-operation'?: boolean;
}

/** A Swagger 2.0 document. */
export interface SwaggerDocument {
  paths?: Record<string, Record<string, SwaggerOperation>>;
  definitions?: Record<string, SwaggerSchema>;
  parameters?: Record<string, SwaggerParameter>;
}

/** A JSON Schema as ajv takes it. */
export type JsonSchema = Record<string, unknown> | boolean;

/** A schema together with the file that its references start from. */
export interface SchemaLocation {
  file: string;
  schema: SwaggerSchema;
}

/** The files of the contract, relative to the folder `openapi/`. */
export const contractFiles = {
  restorePoint: 'ComputeRP/stable/2024-07-01/restorePoint.json',
  virtualMachine: 'ComputeRP/stable/2024-07-01/virtualMachine.json',
  computeCommon: 'ComputeRP/stable/2024-07-01/computeRPCommon.json',
  excerpt: 'ComputeRP/stable/2025-11-01/restorePoint.definitions.excerpt.json',
  diskRestorePoint: 'DiskRP/stable/2024-03-02/diskRestorePoint.json',
  disk: 'DiskRP/stable/2024-03-02/disk.json',
  common: 'common-types/v1/common.json',
} as const;

const base = new URL('./openapi/', import.meta.url);
const documents = new Map<string, SwaggerDocument>();

/** Reads a file of the contract, once. */
export function loadDocument(file: string): SwaggerDocument {
  let document = documents.get(file);
  if (document === undefined) {
    document = JSON.parse(readFileSync(new URL(file, base), 'utf8')) as SwaggerDocument;
    documents.set(file, document);
  }
  return document;
}

/** Follows a parameter's reference. */
export function resolveParameter(
  file: string,
  parameter: SwaggerParameter | { $ref: string },
): SwaggerParameter {
  if (!('$ref' in parameter)) return parameter;
  const { file: target, name } = splitReference(file, parameter.$ref);
  const found = loadDocument(target).parameters?.[name];
  if (found === undefined)
    throw new Error(`The contract file ${file} refers to ${parameter.$ref}, which is absent.`);
  return found;
}

/** The first Compute version whose restore point definitions are those of the excerpt. */
export const firstExcerptVersion = '2025-04-01';

/** Properties of the 2024-07-01 files that came with a later version than the first accepted one. */
const addedLater: Record<string, { property: string; since: string }> = {
  [`${contractFiles.restorePoint}#DiskRestorePointAttributes`]: {
    property: 'encryption',
    since: '2023-03-01',
  },
};

/** What the excerpt of 2025-11-01 points to and does not hold, in terms of the 2024-07-01 files. */
const excerptFallback: Record<string, { file: string; name: string } | SwaggerSchema> = {
  CachingTypes: { file: contractFiles.computeCommon, name: 'Caching' },
  HyperVGenerationTypes: { file: contractFiles.computeCommon, name: 'HyperVGenerationType' },
  StorageAccountTypes: { file: contractFiles.computeCommon, name: 'StorageAccountType' },
  TrackedResource: { file: contractFiles.common, name: 'Resource' },
  SubResource: { file: contractFiles.common, name: 'SubResource' },
  SubResourceReadOnly: { file: contractFiles.common, name: 'SubResourceReadOnly' },
  ConsistencyModeTypes: {
    type: 'string',
    enum: ['CrashConsistent', 'FileSystemConsistent', 'ApplicationConsistent'],
  },
  OperatingSystemType: { type: 'string', enum: ['Windows', 'Linux'] },
  StatusLevelTypes: { type: 'string', enum: ['Info', 'Warning', 'Error'] },
  'Common.SnapshotAccessState': {
    type: 'string',
    enum: ['Unknown', 'Pending', 'Available', 'InstantAccess', 'AvailableWithInstantAccess'],
  },
};

/** Whether a body is one that a client sends or one that Azure answers. */
export type Direction = 'request' | 'answer';

/**
 * Turns a Swagger schema into a JSON Schema with every reference followed and every `allOf` merged, so that unknown
 * properties can be refused. In a request, a property that only answers carry has the keyword
 * `sentThoughReadOnly`, which always fails.
 */
export function toJsonSchema(location: SchemaLocation, direction: Direction, apiVersion: string): JsonSchema {
  return convert(location, { direction, apiVersion }, []);
}

interface Conversion {
  direction: Direction;
  apiVersion: string;
}

function convert(location: SchemaLocation, conversion: Conversion, trail: readonly string[]): JsonSchema {
  const { schema } = location;
  if (schema.$ref !== undefined) {
    const reference = follow(location.file, schema.$ref, conversion);
    // A model that holds itself is not looked into a second time.
    if (trail.includes(reference.key)) return {};
    return convert(reference.location, conversion, [...trail, reference.key]);
  }
  if (schema.properties !== undefined || schema.allOf !== undefined)
    return convertObject(location, conversion, trail);
  if (schema.type === 'array') {
    return {
      type: 'array',
      ...(schema.items
        ? { items: convert({ file: location.file, schema: schema.items }, conversion, trail) }
        : {}),
    };
  }
  if (schema.type === 'object' || schema.additionalProperties !== undefined) {
    const additional = schema.additionalProperties;
    return {
      type: 'object',
      additionalProperties:
        typeof additional === 'object'
          ? convert({ file: location.file, schema: additional }, conversion, trail)
          : (additional ?? true),
    };
  }
  return convertScalar(schema, conversion);
}

function convertScalar(schema: SwaggerSchema, { direction }: Conversion): JsonSchema {
  const open = direction === 'answer' && schema['x-ms-enum']?.modelAsString === true;
  return {
    ...(schema.type === undefined ? {} : { type: schema.type }),
    ...(schema.enum === undefined || open ? {} : { enum: schema.enum }),
    ...(schema.pattern === undefined ? {} : { pattern: schema.pattern }),
    ...(schema.format === 'date-time' || schema.format === 'int32' || schema.format === 'int64'
      ? { format: schema.format }
      : {}),
  };
}

function convertObject(
  location: SchemaLocation,
  conversion: Conversion,
  trail: readonly string[],
): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  const required: string[] = [];
  for (const [name, part] of Object.entries(collectProperties(location, conversion, required))) {
    properties[name] =
      conversion.direction === 'request' && part.schema.readOnly === true
        ? { sentThoughReadOnly: true }
        : convert(part, conversion, trail);
  }
  return { type: 'object', properties, required, additionalProperties: false };
}

function collectProperties(
  location: SchemaLocation,
  conversion: Conversion,
  required: string[],
): Record<string, SchemaLocation> {
  const { file, schema } = location;
  const collected: Record<string, SchemaLocation> = {};
  for (const part of schema.allOf ?? []) {
    const target =
      part.$ref === undefined ? { file, schema: part } : follow(file, part.$ref, conversion).location;
    Object.assign(collected, collectProperties(target, conversion, required));
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    collected[name] = { file, schema: property };
  }
  required.push(...(schema.required ?? []));
  return collected;
}

function follow(
  fromFile: string,
  reference: string,
  { apiVersion }: Conversion,
): { location: SchemaLocation; key: string } {
  let { file, name } = splitReference(fromFile, reference);
  const later = apiVersion >= firstExcerptVersion;
  const excerpt = loadDocument(contractFiles.excerpt).definitions ?? {};
  if (later && (file === contractFiles.restorePoint || fromFile === contractFiles.excerpt) && excerpt[name]) {
    file = contractFiles.excerpt;
  } else if (fromFile === contractFiles.excerpt) {
    const fallback = excerptFallback[name] ?? { file: contractFiles.computeCommon, name };
    if (!('file' in fallback)) return { location: { file, schema: fallback }, key: `fallback#${name}` };
    ({ file, name } = fallback);
  }
  const schema = loadDocument(file).definitions?.[name];
  if (schema === undefined)
    throw new Error(`The contract file ${fromFile} refers to ${reference}, which is absent.`);
  const key = `${file}#${name}`;
  const late = addedLater[key];
  if (late !== undefined && apiVersion < late.since) {
    const { [late.property]: _left, ...properties } = schema.properties ?? {};
    return { location: { file, schema: { ...schema, properties } }, key };
  }
  return { location: { file, schema }, key };
}

function splitReference(fromFile: string, reference: string): { file: string; name: string } {
  const [path = '', pointer = ''] = reference.split('#');
  const file = path === '' ? fromFile : new URL(path, `file:///${fromFile}`).pathname.slice(1);
  return { file, name: pointer.split('/').at(-1) ?? '' };
}
