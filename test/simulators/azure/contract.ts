import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { WireRequest } from '../common/http-server.ts';
import { checkApiVersion, type VersionLine } from './api-versions.ts';
import { type ArmError, contractError } from './errors.ts';
import {
  contractFiles,
  type Direction,
  loadDocument,
  resolveParameter,
  type SchemaLocation,
  type SwaggerOperation,
  toJsonSchema,
} from './schema.ts';

/** An operation of the contract. */
export interface Operation {
  /** The OpenAPI operationId, or a name of the same form where the contract files hold none. */
  id: string;
  method: string;
  /** Path segments; those in braces are parameters. */
  segments: readonly string[];
  versionLine: VersionLine;
  /** The resource type below Microsoft.Compute, as ARM names it in refusals. */
  resourceType: string;
  /** The query parameters beside api-version, with their values where the contract lists them. */
  query: ReadonlyMap<string, { required: boolean; values: readonly string[] | undefined }>;
  body: SchemaLocation | undefined;
  answers: ReadonlyMap<string, SchemaLocation | undefined>;
}

/** A request that fits an operation. */
export interface MatchedRequest {
  operation: Operation;
  /** The path parameters, percent-decoded. */
  parameters: Record<string, string>;
}

const files: readonly { file: string; versionLine: VersionLine }[] = [
  { file: contractFiles.restorePoint, versionLine: 'compute' },
  { file: contractFiles.virtualMachine, versionLine: 'compute' },
  { file: contractFiles.diskRestorePoint, versionLine: 'disk' },
  { file: contractFiles.disk, versionLine: 'disk' },
];

/** ARM's own operations, which the provider's contract files do not hold. */
const armOperations: readonly { id: string; path: string; versionLine: VersionLine }[] = [
  { id: 'Subscriptions_Get', path: '/subscriptions/{subscriptionId}', versionLine: 'resources' },
  {
    id: 'ResourceGroups_Get',
    path: '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}',
    versionLine: 'resources',
  },
  { id: 'Metadata_Endpoints', path: '/metadata/endpoints', versionLine: 'metadata' },
];

/** The polling URLs. Their query is signed and belongs to the server (Azure sheet, section 5). */
const pollingOperations: readonly { id: string; path: string }[] = [
  {
    id: 'ComputeOperations_Get',
    path: '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/locations/{location}/operations/{operationId}',
  },
  {
    id: 'DiskOperations_Get',
    path: '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/locations/{location}/DiskOperations/{operationId}',
  },
];

/** The query parameter that a `nextLink` carries. */
export const skipToken = '$skiptoken';

/** Whether an operation's query is the server's own, to be sent back as it was given. */
export function isPolling(operation: Operation): boolean {
  return pollingOperations.some(({ id }) => id === operation.id);
}

const operations: readonly Operation[] = [
  ...files.flatMap(({ file, versionLine }) => operationsOfFile(file, versionLine)),
  ...armOperations.map(({ id, path, versionLine }) => plainOperation(id, path, versionLine)),
  ...pollingOperations.map(({ id, path }) => plainOperation(id, path, 'compute')),
];

/**
 * Finds the operation that a request is for. Names in paths are compared without case.
 *
 * @throws ArmError 404 for an unknown path, 405 for a path that does not have the method
 */
export function matchRequest(method: string, path: string): MatchedRequest {
  const parts = path.split('/').filter((part) => part !== '');
  const fitting = operations.flatMap((operation) => {
    const parameters = matchSegments(operation.segments, parts);
    return parameters === undefined ? [] : [{ operation, parameters }];
  });
  const matched = fitting.find(({ operation }) => operation.method === method);
  if (matched !== undefined) return matched;
  if (fitting.length > 0) {
    throw contractError(
      405,
      'MethodNotAllowed',
      `The resource at '${path}' does not support http method '${method}'.`,
    );
  }
  throw contractError(
    404,
    'InvalidResourceType',
    `The resource type could not be found for the path '${path}'. No operation of the contract has this path.`,
  );
}

/**
 * Checks query, content type and body of a request against the contract.
 *
 * @returns the api-version and the parsed body (undefined where the operation takes none)
 * @throws ArmError as Azure would refuse it
 */
export function checkRequest(
  operation: Operation,
  request: WireRequest,
  acceptWithoutEnvelope: boolean,
): { apiVersion: string; body: unknown } {
  const { versionLine, resourceType } = operation;
  const apiVersion = checkApiVersion(
    request.query.get('api-version'),
    versionLine,
    resourceType,
    acceptWithoutEnvelope,
  );
  checkQuery(operation, request.query);
  if (operation.body === undefined) {
    if (request.body.length > 0 && request.method !== 'DELETE') {
      throw contractError(
        400,
        'InvalidRequestContent',
        `The operation '${operation.id}' takes no request body.`,
      );
    }
    return { apiVersion, body: undefined };
  }
  const body = parseBody(request);
  return { apiVersion, body };
}

/**
 * Checks a parsed body against the operation's schema.
 *
 * @throws ArmError 400 naming the first property that does not fit
 */
export function checkBody(operation: Operation, apiVersion: string, body: unknown): void {
  if (operation.body === undefined) return;
  const validate = validatorOf(`${operation.id} request`, operation.body, 'request', apiVersion);
  if (validate(body)) return;
  const [error] = validate.errors ?? [];
  if (error !== undefined) throw bodyError(error);
}

/**
 * Holds an answer against the contract, for tests of the simulator itself.
 *
 * @returns what does not fit, in words; empty when everything does
 */
export function answerViolations(
  operation: Operation,
  apiVersion: string,
  status: number,
  body: unknown,
): string[] {
  const declared = operation.answers.get(String(status));
  if (!operation.answers.has(String(status))) {
    return status >= 400 ? [] : [`${operation.id} does not declare the status ${status}.`];
  }
  if (declared === undefined)
    return body === undefined ? [] : [`${operation.id} ${status} declares no body.`];
  const validate = validatorOf(`${operation.id} ${status}`, declared, 'answer', apiVersion);
  if (validate(body)) return [];
  return (validate.errors ?? []).map(
    (error) =>
      `${operation.id} ${status}: ${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`,
  );
}

/** The operation of that name. */
export function operationById(id: string): Operation {
  const operation = operations.find((candidate) => candidate.id === id);
  if (operation === undefined) throw new Error(`The contract has no operation named ${id}.`);
  return operation;
}

function operationsOfFile(file: string, versionLine: VersionLine): Operation[] {
  return Object.entries(loadDocument(file).paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      operationOf(file, versionLine, path, method, operation),
    ),
  );
}

function operationOf(
  file: string,
  versionLine: VersionLine,
  path: string,
  method: string,
  operation: SwaggerOperation,
): Operation {
  const parameters = (operation.parameters ?? []).map((parameter) => resolveParameter(file, parameter));
  const body = parameters.find((parameter) => parameter.in === 'body')?.schema;
  const query = parameters.filter(({ name, in: place }) => place === 'query' && name !== 'api-version');
  const answers = Object.entries(operation.responses)
    .filter(([status]) => status !== 'default')
    .map(([status, { schema }]) => [status, schema === undefined ? undefined : { file, schema }] as const);
  return {
    id: operation.operationId,
    method: method.toUpperCase(),
    segments: segmentsOf(path),
    versionLine,
    resourceType: resourceTypeOf(path),
    query: new Map(
      query.map((parameter) => [
        parameter.name,
        { required: parameter.required === true, values: parameter.enum },
      ]),
    ),
    body: body === undefined ? undefined : { file, schema: body },
    answers: new Map(answers),
  };
}

function plainOperation(id: string, path: string, versionLine: VersionLine): Operation {
  return {
    id,
    method: 'GET',
    segments: segmentsOf(path),
    versionLine,
    resourceType: resourceTypeOf(path),
    query: new Map(),
    body: undefined,
    answers: new Map(),
  };
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function resourceTypeOf(path: string): string {
  const [, below = ''] = path.split('/Microsoft.Compute/');
  return below
    .split('/')
    .filter((_segment, index) => index % 2 === 0)
    .join('/');
}

function matchSegments(
  segments: readonly string[],
  parts: readonly string[],
): Record<string, string> | undefined {
  if (segments.length !== parts.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const part = parts[index] ?? '';
    if (segment.startsWith('{')) parameters[segment.slice(1, -1)] = decode(part);
    else if (segment.toLowerCase() !== part.toLowerCase()) return undefined;
  }
  return parameters;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw contractError(
      400,
      'InvalidRequestUri',
      `The path segment '${part}' is not percent-encoded correctly.`,
    );
  }
}

function checkQuery(operation: Operation, query: URLSearchParams): void {
  const seen = new Set<string>();
  for (const [name, value] of query) {
    if (seen.has(name)) {
      throw contractError(
        400,
        'InvalidQueryParameter',
        `The query parameter '${name}' is given twice.`,
        name,
      );
    }
    seen.add(name);
    if (name === 'api-version' || (name === skipToken && operation.id.includes('List'))) continue;
    const declared = operation.query.get(name);
    if (declared === undefined) {
      throw contractError(
        400,
        'InvalidQueryParameter',
        `The query parameter '${name}' is not supported by '${operation.id}'.`,
        name,
      );
    }
    if (declared.values !== undefined && !declared.values.includes(value)) {
      throw contractError(
        400,
        'InvalidParameter',
        `The value '${value}' of parameter '${name}' is not supported. Supported: ${declared.values.join(', ')}.`,
        name,
      );
    }
  }
}

function parseBody(request: WireRequest): unknown {
  const contentType = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;\s*charset=utf-8\s*)?$/i.test(contentType)) {
    throw contractError(
      415,
      'UnsupportedMediaType',
      `The content media type '${contentType || '<null>'}' is not supported. Only 'application/json' is supported.`,
    );
  }
  try {
    return JSON.parse(request.body.toString('utf8')) as unknown;
  } catch (error) {
    throw contractError(
      400,
      'InvalidRequestContent',
      `The request content was invalid and could not be deserialized: '${error instanceof Error ? error.message : ''}'.`,
    );
  }
}

const ajv = new Ajv({ strict: false, allErrors: false });
// The plugin is CommonJS: its default export is the module under one loader and the function under another.
(addFormats as unknown as (instance: Ajv) => void)(ajv);
ajv.addKeyword({ keyword: 'sentThoughReadOnly', schemaType: 'boolean', validate: () => false });

const validators = new Map<string, ValidateFunction>();

function validatorOf(
  name: string,
  location: SchemaLocation,
  direction: Direction,
  apiVersion: string,
): ValidateFunction {
  const key = `${name} ${apiVersion}`;
  let validator = validators.get(key);
  if (validator === undefined) {
    validator = ajv.compile(toJsonSchema(location, direction, apiVersion) as object);
    validators.set(key, validator);
  }
  return validator;
}

function bodyError(error: ErrorObject): ArmError {
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  if (error.keyword === 'additionalProperties') {
    const member = String((error.params as { additionalProperty: string }).additionalProperty);
    const full = path === '' ? member : `${path}.${member}`;
    return contractError(
      400,
      'BadRequest',
      `Could not find member '${member}' on the object. Path '${full}'.`,
      full,
    );
  }
  if (error.keyword === 'sentThoughReadOnly') {
    return contractError(
      400,
      'InvalidParameter',
      `The property '${path}' is read-only and must not be sent.`,
      path,
    );
  }
  if (error.keyword === 'required') {
    const member = String((error.params as { missingProperty: string }).missingProperty);
    const full = path === '' ? member : `${path}.${member}`;
    return full === 'location'
      ? contractError(400, 'LocationRequired', 'The location property is required for this definition.', full)
      : contractError(400, 'InvalidParameter', `Required parameter '${full}' is missing (null).`, full);
  }
  return contractError(
    400,
    'InvalidParameter',
    `The value of parameter '${path}' is invalid: ${error.message ?? error.keyword}.`,
    path,
  );
}
