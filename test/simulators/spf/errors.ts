/** Who words a refusal: SPF's OData layer, IIS in front of it, or Windows Azure Pack's own layer. */
export type ErrorForm = 'odata' | 'iis' | 'wap';

/** What a refusal carries beside status, code and message. */
export interface SpfErrorOptions {
  form?: ErrorForm;
  headers?: Record<string, string | string[]>;
  /** The request broke the contract: a client's defect, not a state of the vendor. */
  contractViolation?: boolean;
}

/** A refusal. Thrown by the code that looks at a request, sent by the server in the form that the client accepts. */
export class SpfError extends Error {
  override readonly name = 'SpfError';
  readonly status: number;
  readonly code: string;
  readonly options: SpfErrorOptions;

  constructor(status: number, code: string, message: string, options: SpfErrorOptions = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.options = options;
  }
}

/** A request that OData 3, or the fact sheet, does not allow. */
export function contractError(status: number, code: string, message: string): SpfError {
  return new SpfError(status, code, message, { contractViolation: true });
}

/** SPF's own 404, in the words of WCF Data Services. */
export function notFound(segment: string): SpfError {
  return new SpfError(404, '', `Resource not found for the segment '${segment}'.`);
}

/** What VMM says when it will not, or cannot, do something: an answer or the end of a job. */
export interface VmmProblem {
  /** The name, such as VMInvalidState. */
  code: string;
  /** The number that is shown, such as 1730. */
  displayableErrorCode: string;
  problem: string;
  recommendedAction: string;
}

/** A refusal in VMM's words. */
export function vmmError(status: number, problem: VmmProblem): SpfError {
  const { code, displayableErrorCode } = problem;
  return new SpfError(
    status,
    code,
    `${problem.problem} (Error ID: ${displayableErrorCode})\r\n${problem.recommendedAction}`,
  );
}
