import type { WireResponse } from '../common/http-server.ts';

/** Headers that mark an answer of ARM's own front door, in contrast to a provider's (Azure sheet, section 13). */
export const gatewayHeaders = { 'x-ms-failure-cause': 'gateway' } as const;

/** What a refusal carries beside status, code and message. */
export interface ArmErrorOptions {
  target?: string;
  details?: unknown[];
  headers?: Record<string, string>;
  /** Leaves out the `error` envelope, as a Compute 429 does (Azure sheet, section 12). */
  bare?: boolean;
  /** The request broke the contract: a client's defect, not a state of the cloud. */
  contractViolation?: boolean;
}

/** A refusal, as ARM or a provider words it. Thrown by the code that looks at a request, sent by the server. */
export class ArmError extends Error {
  readonly status: number;
  readonly code: string;
  readonly options: ArmErrorOptions;

  constructor(status: number, code: string, message: string, options: ArmErrorOptions = {}) {
    super(message);
    this.name = 'ArmError';
    this.status = status;
    this.code = code;
    this.options = options;
  }

  /** The answer to send. */
  toResponse(): WireResponse {
    const { target, details, headers, bare } = this.options;
    const error = {
      code: this.code,
      message: this.message,
      ...(target === undefined ? {} : { target }),
      ...(details === undefined ? {} : { details }),
    };
    return {
      status: this.status,
      headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
      body: bare ? error : { error },
    };
  }
}

/** A request that the published contract does not allow. */
export function contractError(status: number, code: string, message: string, target?: string): ArmError {
  return new ArmError(status, code, message, {
    ...(target === undefined ? {} : { target }),
    contractViolation: true,
  });
}

/** The front door's 404 for a tracked resource. `type` is its full type, such as Microsoft.Compute/disks. */
export function resourceNotFound(type: string, name: string, resourceGroup: string): ArmError {
  return new ArmError(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${resourceGroup}' was not found. ` +
      'For more details please go to https://aka.ms/ARMResourceNotFoundFix',
    { headers: gatewayHeaders },
  );
}

/** The front door's 404 for something below a tracked resource that is not there. */
export function parentNotFound(parent: string, action: 'read' | 'write'): ArmError {
  return new ArmError(
    404,
    'ParentResourceNotFound',
    `Failed to perform '${action}' on resource(s) of type 'restorePointCollections/restorePoints', because the parent ` +
      `resource '${parent}' could not be found.`,
    { headers: gatewayHeaders },
  );
}

/** The provider's own 404, for what lies below a tracked resource. */
export function entityNotFound(): ArmError {
  return new ArmError(404, 'NotFound', 'The entity was not found in this Azure location.');
}

/** A refusal because of the state that something is in: 409. */
export function operationNotAllowed(message: string, target?: string): ArmError {
  return new ArmError(409, 'OperationNotAllowed', message, target === undefined ? {} : { target });
}

/** A value that the provider does not take: 400. */
export function invalidParameter(message: string, target: string): ArmError {
  return new ArmError(400, 'InvalidParameter', message, { target });
}
