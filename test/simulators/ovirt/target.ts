import type { WireRequest } from '../common/http-server.ts';
import { type ApiVersion, atLeast, type EngineVersion, spokenBy } from './engine-version.ts';
import { EngineError } from './errors.ts';
import type { Behaviour } from './options.ts';

/** What a request is for. */
export type Target =
  | { kind: 'nowhere' }
  /** Something beside the API that wants no login. */
  | { kind: 'service'; operation: 'Sso_Token' | 'Sso_Logout' | 'Pki_Resource' }
  | {
      kind: 'api';
      api: ApiVersion;
      /** What hrefs begin with. */
      hrefBase: string;
      /** The path below the base, decoded. */
      segments: string[];
      options: Map<string, { value: string; place: 'query' | 'matrix' }>;
      correlationId: string | undefined;
      /** A shape was asked for that the engine does not speak. */
      refusal: EngineError | undefined;
    };

/** Reads where a request goes: path prefix, then header, then default choose the shape (oVirt sheet, section 1). */
export function readTarget(
  wire: WireRequest,
  version: EngineVersion,
  behaviour: Behaviour,
  defaultApi: ApiVersion,
): Target {
  if (version.major >= 4 && wire.path === '/ovirt-engine/sso/oauth/token') {
    return { kind: 'service', operation: 'Sso_Token' };
  }
  if (version.major >= 4 && wire.path === '/ovirt-engine/services/sso-logout') {
    return { kind: 'service', operation: 'Sso_Logout' };
  }
  if (wire.path === '/ovirt-engine/services/pki-resource') {
    return { kind: 'service', operation: 'Pki_Resource' };
  }
  const base = basesOf(version).find(
    (one) => wire.path.startsWith(one) && /^([/;]|$)/.test(wire.path.slice(one.length)),
  );
  if (base === undefined) return { kind: 'nowhere' };

  const options = new Map<string, { value: string; place: 'query' | 'matrix' }>();
  const segments = wire.path
    .slice(base.length)
    .split('/')
    .filter((segment) => segment !== '');
  const last = segments.pop();
  const [name, ...matrix] = (last ?? '').split(';');
  if (name !== undefined && name !== '') segments.push(name);
  for (const parameter of matrix) {
    const [key = '', value = ''] = parameter.split('=').map(decode);
    options.set(key, { value, place: 'matrix' });
  }
  // The query goes before the matrix.
  for (const [key, value] of wire.query) options.set(key, { value, place: 'query' });

  const prefix = version.major >= 4 ? /^v(\d+)$/.exec(segments[0] ?? '')?.[1] : undefined;
  if (prefix !== undefined) segments.shift();
  const { api, refusal } = choose(version, behaviour, defaultApi, prefix ?? headerOf(wire, version));
  const ownBase = atLeast(version, '3.6') && version.major === 3 ? '/api' : base;
  const hrefBase = behaviour.hrefBase ?? (prefix === undefined ? ownBase : `${base}/v${prefix}`);
  const byQuery = atLeast(version, '4.1') ? options.get('correlation_id')?.value : undefined;
  const correlation = wire.headers['correlation-id'] ?? byQuery;
  return {
    kind: 'api',
    api,
    hrefBase,
    segments: segments.map(decode),
    options,
    correlationId: sanitized(correlation),
    refusal,
  };
}

/** Whether the path is one by which releases are told apart, so that missing it is no defect of a client. */
export function isProbe(wire: WireRequest): boolean {
  if (wire.path === '/ovirt-engine/sso/oauth/token') return true;
  return wire.method === 'GET' && /^(\/ovirt-engine)?\/api(\/v\d+)?\/?$/.test(wire.path);
}

/** 3.0 has the short path only, 4.x the long one only, what lies between both (oVirt sheet, section 1). */
function basesOf(version: EngineVersion): string[] {
  return [
    ...(atLeast(version, '3.1') ? ['/ovirt-engine/api'] : []),
    ...(version.major === 3 ? ['/api'] : []),
  ];
}

/** The header is read by engines that speak several shapes; 3.x ignores it, and 4.4+ ignores `4` (its only one). */
function headerOf(wire: WireRequest, version: EngineVersion): string | undefined {
  return version.major >= 4 ? wire.headers.version?.trim() : undefined;
}

function choose(
  version: EngineVersion,
  behaviour: Behaviour,
  defaultApi: ApiVersion,
  asked: string | undefined,
): { api: ApiVersion; refusal: EngineError | undefined } {
  const spoken = spokenBy(version);
  const fallback = spoken.includes(defaultApi) ? defaultApi : (spoken[0] ?? 4);
  if (asked === undefined) return { api: fallback, refusal: undefined };
  const api = spoken.find((one) => String(one) === asked);
  if (api !== undefined) return { api, refusal: undefined };
  if (asked === '3' && behaviour.removedVersion === 'not-found') {
    return { api: fallback, refusal: new EngineError(404, 'Not Found', '', { form: 'html' }) };
  }
  const refusal = new EngineError(400, 'Bad Request', `Version "${asked}" isn't supported.`);
  return { api: fallback, refusal };
}

/** Drops what correlation ids cannot hold, and cuts them to 36 characters; undefined when nothing is left. */
function sanitized(text: string | undefined): string | undefined {
  const kept = text?.replaceAll(/[^0-9A-Za-z_-]/g, '').slice(0, 36);
  return kept === '' ? undefined : kept;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
