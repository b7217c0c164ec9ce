import { backoffDelay } from '../../runtime/backoff.ts';
import { transportFailure, untilAborted } from '../exchange.ts';
import { type HttpRequest, type HttpResponse, type HttpResult, parseJSON, vendorText } from '../http.ts';
import { listOf, recordOf, textOf } from '../json.ts';
import type { Failure, VendorError } from '../outcome.ts';
import { failureOf } from './outcomes.ts';

/** A user of the engine, as `user@profile`, and the password. */
export interface Credentials {
  username: string;
  password: string;
}

/** How the provider proves who it is: one member, as in the VMProvider. */
export type OvirtAuth = { oauth: Credentials } | { basic: Credentials } | { session: Credentials };

/** What a source of logins needs. */
export interface SessionOptions {
  auth: OvirtAuth;
  /** `https://host/ovirt-engine`. */
  url: string;
  /** The shape that is asked for, as engines that speak two want to be told. */
  versionHeader: '3' | '4';
  /** Sends one request, with the provider's TLS settings. */
  send(request: HttpRequest): Promise<HttpResult>;
  timeoutMs: number;
  monotonic(): number;
}

/** What requests bear to be known by. */
export interface Login {
  readonly headers: Readonly<Record<string, string>>;
}

/** A login, or why there is none. */
export type LoginResult = { ok: true; login: Login } | { ok: false; failure: Failure };

/** A refused login is not tried at once again: directories lock accounts after a few. */
const failureBackoff = { baseMs: 2_000, maxMs: 60_000 };
const logoutTimeoutMs = 5_000;
const scope = 'ovirt-app-api';

/**
 * The login of one user: a token of the single sign-on, a persistent session, or user and password with each request
 * (oVirt sheet, section 3). It is kept in memory, made once for all who wait, and made anew when the engine has dropped
 * it. Users are sent whole: the profile is what follows the last `@`, which the engine finds itself.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #credentials: Credentials;
  readonly #ended = new AbortController();
  #login: Login | undefined;
  /** Whether the engine has taken it at least once. */
  #proved = false;
  #fetching: Promise<Failure | undefined> | undefined;
  #failures = 0;
  #failed: { failure: Failure; until: number } | undefined;

  /** Sends nothing yet. Throws a TypeError when the user cannot be one. */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.#credentials = credentialsOf(options.auth);
    const { username } = this.#credentials;
    if (!/^[^\p{Cc}]*[^\s@\p{Cc}]@[^\s@\p{Cc}]+$/u.test(username)) {
      throw new TypeError(
        "the user name in the provider's Secret must be user@profile, such as admin@internal",
      );
    }
    if (!('oauth' in options.auth) && username.includes(':')) {
      throw new TypeError('a user name with a colon can only log in by auth.oauth');
    }
  }

  /** A login that is good now, as far as is known. Never throws. */
  async get(signal: AbortSignal): Promise<LoginResult> {
    if (this.#login !== undefined) return { ok: true, login: this.#login };
    if (this.#failed !== undefined && this.#options.monotonic() < this.#failed.until) {
      return { ok: false, failure: this.#failed.failure };
    }
    const failure = await untilAborted(this.#startFetch(), signal);
    if (failure !== undefined) return { ok: false, failure };
    if (this.#login === undefined)
      return { ok: false, failure: unavailable('Aborted', 'the login was dropped') };
    return { ok: true, login: this.#login };
  }

  /** The engine has taken it: should it refuse it later, it has dropped it. */
  accepted(login: Login): void {
    if (this.#login !== login) return;
    this.#proved = true;
    this.#failures = 0;
  }

  /**
   * Forgets a login that was refused. Tells whether another one is worth a try: not where the engine never took this
   * one, and not for a password, which would be the same again.
   */
  refused(login: Login, failure: Failure): boolean {
    if (this.#login !== login) return true;
    this.#login = undefined;
    if (this.#proved && !('basic' in this.#options.auth)) return true;
    this.#hold(failure);
    return false;
  }

  /** Logs out, within a few seconds. Never throws. */
  async close(): Promise<void> {
    this.#ended.abort();
    const login = this.#login;
    this.#login = undefined;
    if (login === undefined || 'basic' in this.#options.auth) return;
    await this.#options.send({ ...this.#logout(login), operation: 'logOut', timeoutMs: logoutTimeoutMs });
  }

  /** One login for all; answers the failure, or nothing. */
  #startFetch(): Promise<Failure | undefined> {
    this.#fetching ??= this.#fetch().then((result) => {
      this.#fetching = undefined;
      if ('kind' in result) return this.#hold(result);
      this.#login = result;
      this.#proved = false;
      this.#failed = undefined;
      return undefined;
    });
    return this.#fetching;
  }

  #hold(failure: Failure): Failure {
    this.#failures += 1;
    const askedMs = 'afterMs' in failure ? (failure.afterMs ?? 0) : 0;
    const pauseMs = Math.max(askedMs, 500 + backoffDelay(this.#failures, failureBackoff));
    this.#failed = { failure, until: this.#options.monotonic() + pauseMs };
    return failure;
  }

  async #fetch(): Promise<Login | Failure> {
    const { auth } = this.#options;
    if ('basic' in auth) return { headers: { authorization: this.#basic() } };
    const request = 'oauth' in auth ? this.#tokenRequest() : this.#sessionRequest();
    const { timeoutMs } = this.#options;
    const result = await this.#options.send({
      ...request,
      operation: 'logIn',
      timeoutMs,
      signal: this.#ended.signal,
    });
    if (!result.ok) return transportFailure(result.failure, false);
    return 'oauth' in auth ? this.#tokenIn(result.response) : this.#cookieIn(result.response);
  }

  #tokenRequest(): Omit<HttpRequest, 'timeoutMs'> {
    const { username, password } = this.#credentials;
    return {
      method: 'POST',
      url: `${this.#options.url}/sso/oauth/token`,
      headers: {
        // Any other value, or a list of types, is refused (oVirt sheet, section 3.3).
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        'user-agent': 'keyframe',
      },
      body: new URLSearchParams({ grant_type: 'password', scope, username, password }).toString(),
    };
  }

  /** By "is there a token", not by status: engines 4.0 and 4.1 answer 200 to refusals as well. */
  #tokenIn(response: HttpResponse): Login | Failure {
    const { status } = response;
    const json = parseJSON(response.body);
    const answer = recordOf(listOf(json)?.length === 1 ? listOf(json)?.[0] : json);
    const token = textOf(answer?.access_token);
    if (token !== undefined && /^[\x21-\x7e]{1,16384}$/.test(token)) {
      return { headers: { authorization: `Bearer ${token}` } };
    }
    const code = textOf(answer?.error_code) ?? textOf(answer?.error);
    const words = textOf(answer?.error_code) === undefined ? answer?.error_description : answer?.error;
    if (code === undefined || status >= 500) {
      const { error } = failureOf(response, { write: false, about: 'Other', now: Date.now() });
      const hint =
        status === 404
          ? 'Check spec.ovirt.url. Engines before 4.0 have no single sign-on: set auth.session there'
          : 'The single sign-on of the engine gave no token';
      return unavailable('NoToken', `${this.#scrub(error.message)}. ${hint}`, status);
    }
    const message = `${this.#scrub(textOf(words) ?? code).replace(/[.\s]*$/, '')}`;
    const error: VendorError = { code: vendorText(code, 64), message, status };
    if (code === 'server_error') return { kind: 'Unavailable', error };
    const remedy = Object.hasOwn(remedies, code) ? remedies[code] : undefined;
    const full = remedy === undefined ? message : `${message}. ${remedy}`;
    return { kind: 'Denied', cause: 'Authentication', error: { ...error, message: vendorText(full) } };
  }

  #sessionRequest(): Omit<HttpRequest, 'timeoutMs'> {
    const headers = { ...this.#rootHeaders(), authorization: this.#basic(), prefer: persistent };
    return { method: 'GET', url: `${this.#options.url}/api`, headers };
  }

  #cookieIn(response: HttpResponse): Login | Failure {
    const { status } = response;
    if (status < 200 || status >= 300) {
      const failure = failureOf(response, { write: false, about: 'Other', now: Date.now() });
      const message = this.#scrub(failure.error.message);
      const error = { ...failure.error, message };
      if (failure.kind === 'Denied') return { kind: 'Denied', cause: 'Authentication', error };
      return { ...unavailable(error.code, `${message}. Check spec.ovirt.url`, status), ...waitOf(failure) };
    }
    const cookies = [response.headers['set-cookie'] ?? []].flat();
    const id = cookies.map((cookie) => sessionForm.exec(cookie)?.[1]).find((found) => found !== undefined);
    if (id === undefined) {
      const message =
        'the engine took user and password, but began no session. Set auth.basic, or auth.oauth';
      return { kind: 'Unsupported', error: { code: 'NoSession', message, status } };
    }
    return { headers: { cookie: `JSESSIONID=${id}`, prefer: persistent } };
  }

  #logout(login: Login): Omit<HttpRequest, 'timeoutMs'> {
    if ('oauth' in this.#options.auth) {
      const token = login.headers.authorization?.slice('Bearer '.length) ?? '';
      return {
        method: 'POST',
        url: `${this.#options.url}/services/sso-logout`,
        headers: {
          accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded',
          'user-agent': 'keyframe',
        },
        body: new URLSearchParams({ scope, token }).toString(),
      };
    }
    // Without the preference it is the last request of its session (oVirt sheet, section 3.2).
    const headers = { ...this.#rootHeaders(), cookie: login.headers.cookie ?? '' };
    return { method: 'GET', url: `${this.#options.url}/api`, headers };
  }

  #rootHeaders(): Record<string, string> {
    const version = this.#options.versionHeader;
    return { accept: 'application/xml', 'accept-language': 'en-US', 'user-agent': 'keyframe', version };
  }

  #basic(): string {
    const { username, password } = this.#credentials;
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  /** Whatever a server repeats of what it was sent, the password is not passed on. */
  #scrub(text: string): string {
    const { password } = this.#credentials;
    const forms = [
      password,
      encodeURIComponent(password),
      new URLSearchParams({ p: password }).toString().slice(2),
    ];
    const clean = forms
      .filter((form) => form !== '')
      .reduce((words, form) => words.replaceAll(form, '[redacted]'), text);
    return vendorText(clean.replaceAll(this.#basic().slice('Basic '.length), '[redacted]'));
  }
}

const persistent = 'persistent-auth';
const sessionForm = /^JSESSIONID=([\w.!~*+/=-]{1,512})(?:;|$)/;

/** What to do about the refusals of the single sign-on. */
const remedies: Record<string, string> = {
  access_denied:
    "Check user name (user@profile) and password in the provider's Secret, and that the account is not locked",
  invalid_grant: "Check user name (user@profile) and password in the provider's Secret",
  invalid_scope: 'Set auth.session or auth.basic: this single sign-on gives no tokens for the API',
  unsupported_grant_type: 'Set auth.session or auth.basic: this single sign-on gives no tokens for passwords',
};

function credentialsOf(auth: OvirtAuth): Credentials {
  if ('oauth' in auth) return auth.oauth;
  return 'basic' in auth ? auth.basic : auth.session;
}

function unavailable(
  code: string,
  message: string,
  status?: number,
): Extract<Failure, { kind: 'Unavailable' }> {
  return {
    kind: 'Unavailable',
    error: { code, message: vendorText(message), ...(status === undefined ? {} : { status }) },
  };
}

function waitOf(failure: Failure): { afterMs?: number } {
  return 'afterMs' in failure && failure.afterMs !== undefined ? { afterMs: failure.afterMs } : {};
}
