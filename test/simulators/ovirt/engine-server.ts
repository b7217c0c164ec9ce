import { randomUUID } from 'node:crypto';
import { type FaultInjector, faultOfKind } from '../common/faults.ts';
import type { WireHandling, WireRequest, WireResponse } from '../common/http-server.ts';
import { RequestLog } from '../common/request-log.ts';
import { actionState } from './actions.ts';
import { type Element, object, type Rendering, toJson, toXml } from './document.ts';
import { type ApiVersion, atLeast } from './engine-version.ts';
import { EngineError, htmlPage, notFoundEmpty } from './errors.ts';
import type { OvirtFault } from './faults.ts';
import type { Logins } from './logins.ts';
import { type EngineAnswer, type EngineRequest, isDetached } from './requests.ts';
import { type MatchedRoute, matchRoute } from './routes.ts';
import type { World } from './state.ts';
import { isProbe, readTarget, type Target } from './target.ts';

/** What the log tells of each request. */
export interface EngineRecord {
  correlationId: string | undefined;
}

/** What the server works with. */
export interface EngineServerParts {
  world: World;
  logins: Logins;
  faults: FaultInjector<OvirtFault>;
  /** The shape that engines 4.0 - 4.3 answer in when none is asked for. */
  defaultApi: ApiVersion;
  /** The engine's own certificate authority, PEM. */
  caPem: string;
}

/** The engine's API with its single sign-on. */
export class EngineServer {
  readonly log: RequestLog<OvirtFault, EngineRecord, object>;
  readonly #parts: EngineServerParts;
  readonly #rendering: Rendering;

  constructor(parts: EngineServerParts) {
    this.#parts = parts;
    this.log = new RequestLog(parts.world.clock, parts.faults);
    const { utcOffsetMinutes, nativeJson } = parts.world.behaviour;
    this.#rendering = { utcOffsetMinutes, nativeJson };
  }

  /** Looks at a request; the HTTP server then asks for its answer, unless a fault keeps it from that. */
  handle(wire: WireRequest): WireHandling {
    const { world, defaultApi } = this.#parts;
    const target = readTarget(wire, world.version, world.behaviour, defaultApi);
    const matched =
      target.kind === 'api' ? matchRoute(wire.method, target.segments, target.api, world.version) : undefined;
    const operation =
      target.kind === 'service' ? target.operation : isRoute(matched) ? matched.route.operation : 'Unknown';
    const correlationId = wire.headers['correlation-id'];
    return this.log.handle(operation, wire, { correlationId }, (faults) =>
      this.#answer(wire, target, matched, operation, faults),
    );
  }

  async #answer(
    wire: WireRequest,
    target: Target,
    matched: MatchedRoute | 'wrong-method' | undefined,
    operation: string,
    faults: readonly OvirtFault[],
  ): Promise<WireResponse> {
    const { world } = this.#parts;
    world.clock.settle();
    const violation = (message: string): void => this.log.violation(operation, wire, message, {});
    if (target.kind === 'service') return this.#serve(target.operation, wire, faults, violation);
    if (target.kind === 'nowhere') {
      if (!isProbe(wire)) violation('There is nothing at this path.');
      return htmlAnswer(404, 'Not Found');
    }
    const correlationId = atLeast(world.version, '4.1')
      ? { 'Correlation-Id': target.correlationId ?? randomUUID() }
      : undefined;
    const { api } = target;
    try {
      const { answer, headers } = await this.#carryOut(wire, target, matched, operation, faults, violation);
      const response = this.#render(answer.status, answer.element, wire, api);
      return {
        ...response,
        headers: { ...correlationId, ...response.headers, ...headers, ...answer.headers },
      };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error.violation !== undefined) violation(error.violation);
      const inAction = isRoute(matched) && matched.route.action === true;
      const response = this.#renderError(inAction ? error.asAction() : error, wire, api);
      return { ...response, headers: { ...correlationId, ...response.headers } };
    }
  }

  #serve(
    operation: string,
    wire: WireRequest,
    faults: readonly OvirtFault[],
    violation: (message: string) => void,
  ): WireResponse {
    const { logins, caPem } = this.#parts;
    const body = faultOfKind(faults, 'error-body');
    if (body !== undefined) return htmlAnswer(body.status, body.reason ?? 'Error');
    if (operation === 'Sso_Token') return logins.answerToken(wire, violation);
    if (operation === 'Sso_Logout') return logins.answerLogout(wire, violation);
    const known =
      wire.query.get('resource') === 'ca-certificate' && wire.query.get('format') === 'X509-PEM-CA';
    if (!known) {
      violation('The PKI resource or its format is unknown.');
      return htmlAnswer(400, 'Bad Request');
    }
    return { status: 200, headers: { 'Content-Type': 'application/x-x509-ca-cert' }, body: caPem };
  }

  async #carryOut(
    wire: WireRequest,
    target: Extract<Target, { kind: 'api' }>,
    matched: MatchedRoute | 'wrong-method' | undefined,
    operation: string,
    faults: readonly OvirtFault[],
    violation: (message: string) => void,
  ): Promise<{ answer: EngineAnswer; headers: Record<string, string> }> {
    const { world, logins } = this.#parts;
    if (faultOfKind(faults, 'session-lost')) logins.dropOf(wire);
    const { user, headers, end } = logins.authenticate(wire);
    if (target.refusal !== undefined) throw target.refusal;
    formatOf(wire);
    if (matched === undefined || matched === 'wrong-method') {
      const [status, title] =
        matched === undefined ? ([404, 'Not Found'] as const) : ([405, 'Method Not Allowed'] as const);
      const message = `There is no ${wire.method} of this path in v${target.api} of engine ${world.version.full}.`;
      throw new EngineError(status, title, '', {
        form: 'html',
        ...(isProbe(wire) ? {} : { violation: message }),
      });
    }
    const { route, parameters } = matched;
    for (const [name, value] of Object.entries(parameters)) {
      if (!route.notIds?.includes(name) && !isUuid(value)) throw notFoundEmpty();
    }
    const request: EngineRequest = {
      wire,
      operation,
      version: world.version,
      api: target.api,
      base: target.hrefBase,
      parameters,
      options: knownOptions(target, route.options ?? [], world, 'all-content' in wire.headers, violation),
      user,
      correlationId: target.correlationId,
      faults,
      violation,
    };
    const body = faultOfKind(faults, 'error-body');
    const fails = body === undefined ? undefined : errorOf(body);
    if (fails !== undefined && body?.when !== 'after-effect') throw fails;
    const run = async (): Promise<EngineAnswer> => route.answer(world, request);
    const late = faultOfKind(faults, 'late-effect');
    if (late !== undefined) {
      world.clock.schedule(world.clock.now() + late.milliseconds, () => inBackground(run));
      throw new EngineError(504, 'Gateway Timeout', '', { form: 'html' });
    }
    if (route.detachable && isDetached(request)) {
      inBackground(run);
      return { answer: { status: 202 }, headers };
    }
    try {
      const answer = await run();
      if (fails !== undefined) throw fails;
      return { answer, headers };
    } finally {
      end();
    }
  }

  #render(status: number, element: Element | undefined, wire: WireRequest, api: ApiVersion): WireResponse {
    if (element === undefined) return { status, headers: {} };
    if (formatOf(wire) === 'json') {
      return {
        status,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(toJson(element, this.#rendering)),
      };
    }
    const type = api === 4 ? 'application/xml;charset=UTF-8' : 'application/xml';
    return { status, headers: { 'Content-Type': type }, body: toXml(element, this.#rendering) };
  }

  #renderError(error: EngineError, wire: WireRequest, api: ApiVersion): WireResponse {
    if (error.form === 'empty') return { status: error.status, headers: error.headers };
    if (error.form === 'html') {
      const response = htmlAnswer(error.status, error.reason);
      return { ...response, headers: { ...response.headers, ...error.headers } };
    }
    const element =
      error.form === 'fault'
        ? error.toElement()
        : object('action', {}, [...actionState(api, 'failed'), error.toElement()]);
    return this.#render(error.status, element, wire, api);
  }
}

/** The engine goes on although nobody waits for its answer; refusals are told to nobody. */
function inBackground(run: () => Promise<EngineAnswer>): void {
  run().catch((error: unknown) => {
    if (!(error instanceof EngineError)) console.error('The simulator failed in the background:', error);
  });
}

/** @throws EngineError 406 when neither XML nor JSON is accepted */
function formatOf(wire: WireRequest): 'xml' | 'json' {
  const accepted = (wire.headers.accept ?? '*/*').split(',').map((part) => part.split(';')[0]?.trim());
  for (const type of accepted) {
    if (type === 'application/json') return 'json';
    if (type === 'application/xml' || type === '*/*' || type === 'application/*') return 'xml';
  }
  throw new EngineError(406, 'Not Acceptable', '', {
    form: 'html',
    violation: `Accept '${wire.headers.accept}' allows neither application/xml nor application/json.`,
  });
}

/** The parameters that the operation knows; others are ignored, and noted. */
function knownOptions(
  target: Extract<Target, { kind: 'api' }>,
  known: readonly string[],
  world: World,
  allContentHeader: boolean,
  violation: (message: string) => void,
): Map<string, string> {
  const options = new Map<string, string>();
  const since: Record<string, string> = { follow: '4.2', all_content: '4.2', correlation_id: '4.1' };
  for (const [name, { value, place }] of target.options) {
    const common = name === 'filter' || name === 'correlation_id';
    const matrix = ['async', 'max', 'case_sensitive', ...(atLeast(world.version, '3.2') ? [] : ['from'])];
    const matrixOnly = world.version.major === 3 && matrix.includes(name) && place === 'query';
    if (!known.includes(name) && !common) violation(`The operation has no parameter '${name}'.`);
    else if (!atLeast(world.version, since[name] ?? '3.0')) {
      // The official SDK sends the header of older releases with it.
      if (name === 'all_content' && allContentHeader) continue;
      violation(`The parameter '${name}' came with ${since[name]}.`);
    } else if (matrixOnly) violation(`Engines 3.x take '${name}' as a matrix parameter only.`);
    else options.set(name, value);
  }
  return options;
}

function errorOf(fault: Extract<OvirtFault, { kind: 'error-body' }>): EngineError {
  const { status, reason = 'Operation Failed', detail = '[Internal Engine Error]', form } = fault;
  return new EngineError(status, reason, detail, { form });
}

function isRoute(matched: MatchedRoute | 'wrong-method' | undefined): matched is MatchedRoute {
  return typeof matched === 'object';
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

function htmlAnswer(status: number, title: string): WireResponse {
  return { status, headers: { 'Content-Type': 'text/html;charset=UTF-8' }, body: htmlPage(status, title) };
}
