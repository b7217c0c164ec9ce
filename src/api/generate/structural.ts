/**
 * Structural schemas: what apiextensions.k8s.io/v1 accepts as the schema of a CRD. The API server refuses the
 * rest only when the CRD is applied, and some of it (a bound that is missing) only when a rule is added later;
 * here it is refused when the CRD is generated, by the path of the field.
 */
import type { Rule } from '../v1alpha1/schema.ts';

/** One node of a structural schema, with the keywords that Keyframe's kinds use. */
export interface StructuralSchema {
  type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  description?: string;
  format?: string;
  default?: unknown;
  enum?: string[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  items?: StructuralSchema;
  properties?: Record<string, StructuralSchema>;
  required?: string[];
  additionalProperties?: StructuralSchema;
  maxProperties?: number;
  'x-kubernetes-list-type'?: 'atomic' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-validations'?: Rule[];
}

/** The keywords in the order in which they are written, and the types of node that may bear each. */
const keywords = {
  description: ['object', 'array', 'string', 'integer', 'boolean'],
  type: ['object', 'array', 'string', 'integer', 'boolean'],
  format: ['string', 'integer'],
  default: ['object', 'array', 'string', 'integer', 'boolean'],
  enum: ['string'],
  minimum: ['integer'],
  maximum: ['integer'],
  minLength: ['string'],
  maxLength: ['string'],
  pattern: ['string'],
  minItems: ['array'],
  maxItems: ['array'],
  'x-kubernetes-list-type': ['array'],
  'x-kubernetes-list-map-keys': ['array'],
  items: ['array'],
  required: ['object'],
  maxProperties: ['object'],
  additionalProperties: ['object'],
  properties: ['object'],
  'x-kubernetes-validations': ['object', 'array', 'string', 'integer', 'boolean'],
} satisfies Record<keyof StructuralSchema, StructuralSchema['type'][]>;

const types = keywords.type;

/**
 * Turns a schema of the kinds into a structural one.
 *
 * @param schema what `v1alpha1/schema.ts` builds
 * @param path of the field, for messages
 * @throws Error when the schema holds what a structural schema may not, or lacks a bound or a description
 */
export function toStructural(schema: object, path: string): StructuralSchema {
  const source = schema as Record<string, unknown>;
  const fail = (what: string): never => {
    throw new Error(`${path}: ${what}`);
  };

  const type = types.find((candidate) => candidate === source.type);
  if (type === undefined)
    return fail(`type is ${JSON.stringify(source.type)}; it must be one of ${types.join(', ')}`);
  for (const keyword of Object.keys(source)) {
    const allowed: readonly string[] | undefined = keywords[keyword as keyof typeof keywords];
    if (allowed === undefined) fail(`a structural schema cannot hold ${keyword}`);
    else if (!allowed.includes(type)) fail(`${keyword} does not go with type ${type}`);
  }
  const result: StructuralSchema = { type };
  const written = result as unknown as Record<string, unknown>;
  for (const keyword of Object.keys(keywords)) {
    if (source[keyword] !== undefined) written[keyword] = source[keyword];
  }

  const { properties, additionalProperties, items } = source;
  if (isObject(properties)) {
    result.properties = Object.fromEntries(
      Object.entries(properties).map(([name, member]) => {
        const memberPath = `${path}.${name}`;
        if (!isObject(member)) throw new Error(`${memberPath}: not a schema`);
        const structural = toStructural(member, memberPath);
        if (!structural.description) throw new Error(`${memberPath}: has no description`);
        return [name, structural];
      }),
    );
  }
  if (additionalProperties !== undefined) {
    if (properties !== undefined) fail('additionalProperties and properties exclude each other');
    if (!isObject(additionalProperties)) return fail('additionalProperties must be a schema');
    result.additionalProperties = toStructural(additionalProperties, `${path}.*`);
  }
  if (type === 'array') {
    if (!isObject(items)) return fail('items must be a schema');
    result.items = toStructural(items, `${path}[]`);
  }
  requireBounds(result, fail);
  return result;
}

function requireBounds(schema: StructuralSchema, fail: (what: string) => never): void {
  const { type } = schema;
  if (type === 'string' && schema.maxLength === undefined && schema.enum === undefined)
    fail('a string needs maxLength or enum');
  if (type === 'integer' && (schema.minimum === undefined || schema.maximum === undefined))
    fail('an integer needs minimum and maximum');
  if (type === 'object' && schema.properties === undefined && schema.maxProperties === undefined)
    fail('an object without properties needs maxProperties');
  if (type === 'array') {
    if (schema.maxItems === undefined) fail('a list needs maxItems');
    if (schema['x-kubernetes-list-type'] === undefined) fail('a list needs x-kubernetes-list-type');
    for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
      if (!schema.items?.required?.includes(key)) fail(`the key ${key} must be required in each item`);
    }
  }
  for (const name of schema.required ?? []) {
    if (schema.properties?.[name] === undefined) fail(`requires ${name}, which is no property`);
    else if (schema.properties[name].default !== undefined) fail(`${name} is required and has a default`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
