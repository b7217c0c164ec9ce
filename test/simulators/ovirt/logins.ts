import { randomBytes } from 'node:crypto';
import type { WireRequest, WireResponse } from '../common/http-server.ts';
import { atLeast, type EngineVersion } from './engine-version.ts';
import { EngineError, htmlPage, unauthorized } from './errors.ts';
import type { Behaviour } from './options.ts';
import type { User } from './users.ts';

interface Login {
  user: User;
  /** Dropped when it is not used until then, in real milliseconds. */
  until: number;
  idleMilliseconds: number;
}

interface Session extends Login {
  /** Each request must repeat the id in a header. */
  repeatsId: boolean;
}

/** Who a request is from, and what its answer has to say about the login. */
export interface Authenticated {
  user: User;
  headers: Record<string, string>;
  /** To be called when the answer is made. */
  end(): void;
}

const maximumSessionMilliseconds = 180 * 60_000;
const tokenScope = 'ovirt-app-api';

/** Users, their tokens and their sessions (oVirt sheet, section 3). Times are real ones. */
export class Logins {
  readonly #users = new Map<string, User>();
  readonly #tokens = new Map<string, Login>();
  readonly #sessions = new Map<string, Session & { endsAt: number }>();
  readonly #version: EngineVersion;
  readonly #behaviour: Behaviour;
  readonly #idleMilliseconds: number;
  readonly #onLogin: (user: User) => void;

  constructor(
    version: EngineVersion,
    behaviour: Behaviour,
    idleSeconds: number,
    onLogin: (user: User) => void,
  ) {
    this.#version = version;
    this.#behaviour = behaviour;
    this.#idleMilliseconds = idleSeconds * 1000;
    this.#onLogin = onLogin;
  }

  /** Adds a user, or changes one. */
  put(user: User): void {
    this.#users.set(user.name, user);
  }

  /** Ends every token and every session, as a restart of the engine does. */
  dropAll(): void {
    this.#tokens.clear();
    this.#sessions.clear();
  }

  /** Ends the token or session that the request comes with. */
  dropOf(request: WireRequest): void {
    this.#tokens.delete(bearerOf(request) ?? '');
    this.#sessions.delete(cookieOf(request) ?? '');
  }

  /** How many tokens and sessions there are, to see whether clients log out. */
  open(): { tokens: number; sessions: number } {
    return { tokens: this.#tokens.size, sessions: this.#sessions.size };
  }

  /**
   * Finds out who a request is from.
   *
   * @throws EngineError 401 or 403
   */
  authenticate(request: WireRequest): Authenticated {
    const token = bearerOf(request);
    if (token !== undefined) return { user: this.#byToken(token), headers: {}, end: () => {} };
    const preferences = (request.headers.prefer ?? '').split(',').map((part) => part.trim().toLowerCase());
    const persistent = preferences.includes('persistent-auth');
    const sessionId = cookieOf(request);
    const session = sessionId === undefined ? undefined : this.#session(sessionId);
    if (session !== undefined && sessionId !== undefined) {
      if (session.repeatsId && request.headers.jsessionid !== sessionId) {
        throw new EngineError(403, 'Forbidden', 'The session id is not repeated in a header.', {
          form: 'html',
        });
      }
      const end = (): void => {
        // A request without the preference is the last one of its session.
        if (!persistent) this.#sessions.delete(sessionId);
      };
      return { user: session.user, headers: {}, end };
    }
    const user = this.#byPassword(request.headers.authorization);
    if (!persistent) return { user, headers: {}, end: () => {} };
    this.#onLogin(user);
    const id = this.#openSession(
      user,
      preferences.includes('csrf-protection'),
      request.headers['session-ttl'],
    );
    const headers: Record<string, string> = { 'Set-Cookie': `JSESSIONID=${id}; Path=/ovirt-engine/api` };
    if (this.#version.major === 3) headers.Jsessionid = id;
    return { user, headers, end: () => {} };
  }

  /** Answers the token endpoint. */
  answerToken(request: WireRequest, violation: (message: string) => void): WireResponse {
    const form = new URLSearchParams(request.body.toString('utf8'));
    const refuse = (code: string, message: string): WireResponse => {
      const ours = form.get('scope')?.split(' ').includes(tokenScope) === true;
      const body = ours ? { error_code: code, error: message } : { error: code, error_description: message };
      const status = this.#behaviour.tokenErrorStatus ?? (atLeast(this.#version, '4.2') ? 400 : 200);
      return jsonAnswer(status, this.#inList(JSON.stringify(body)));
    };
    const wrong = (code: string, message: string): WireResponse => {
      violation(`${code}: ${message}`);
      return refuse(code, message);
    };
    if (request.method !== 'POST') return wrong('invalid_request', 'The token endpoint takes POST only.');
    if (request.headers.accept !== 'application/json') {
      return wrong('invalid_request', "The parameter 'Accept' must be 'application/json' and nothing else.");
    }
    if (!/^application\/x-www-form-urlencoded\b/.test(request.headers['content-type'] ?? '')) {
      return wrong('invalid_request', 'The request is not form-encoded.');
    }
    const grant = form.get('grant_type');
    if (grant === null) return wrong('invalid_request', "Missing parameter: 'grant_type'");
    if (grant !== 'password') return wrong('unsupported_grant_type', `Unsupported grant type: ${grant}`);
    if (form.get('scope')?.split(' ').includes(tokenScope) !== true) {
      return wrong('invalid_scope', `The requested scope must hold ${tokenScope}.`);
    }
    const [name, password] = [form.get('username'), form.get('password')];
    if (name === null || password === null) {
      return wrong('invalid_request', "Missing parameter: 'username' or 'password'");
    }
    const user = this.#users.get(name);
    if (user === undefined || user.password !== password) {
      const [, account, profile] = /^(.*)@([^@]*)$/.exec(name) ?? ['', name, 'N/A'];
      return refuse(
        'access_denied',
        `Cannot authenticate user '${account}' connecting from 'unknown' with profile '${profile}'. ` +
          'Unable to log in because the user account is disabled or locked, or the credentials are wrong.',
      );
    }
    this.#onLogin(user);
    const token = randomBytes(48).toString('base64url');
    this.#tokens.set(token, this.#login(user));
    // The largest 64-bit integer: when the directory sets no end, that is what engines say.
    const exp = atLeast(this.#version, '4.1') ? '"9223372036854775807"' : '9223372036854775807';
    const answer = `{"access_token":"${token}","scope":"${tokenScope}","exp":${exp},"token_type":"bearer"}`;
    return jsonAnswer(200, this.#inList(answer));
  }

  /** Answers the logout of clients without a registration. */
  answerLogout(request: WireRequest, violation: (message: string) => void): WireResponse {
    const form = new URLSearchParams(request.body.toString('utf8'));
    const token = form.get('token');
    if (request.method !== 'POST' || token === null || form.get('scope') !== tokenScope) {
      violation('A logout needs POST with the fields scope and token.');
      return jsonAnswer(400, '{"error_code":"invalid_request","error":"Missing parameter"}');
    }
    this.#tokens.delete(token);
    return jsonAnswer(200, '{}');
  }

  #inList(answer: string): string {
    return this.#behaviour.tokenAnswerInList ? `[${answer}]` : answer;
  }

  #byToken(token: string): User {
    const login = alive(this.#tokens, token);
    if (login === undefined || this.#version.major === 3) throw unauthorized();
    login.until = Date.now() + login.idleMilliseconds;
    // The user may have been changed since.
    return this.#users.get(login.user.name) ?? login.user;
  }

  #byPassword(authorization: string | undefined): User {
    const encoded = /^Basic +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (encoded === undefined) throw unauthorized();
    const text = Buffer.from(encoded, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    const user = this.#users.get(text.slice(0, Math.max(colon, 0)));
    if (user === undefined || user.password !== text.slice(colon + 1)) throw unauthorized();
    return user;
  }

  #session(id: string): Session | undefined {
    const session = alive(this.#sessions, id);
    if (session === undefined) return undefined;
    if (session.endsAt <= Date.now()) {
      this.#sessions.delete(id);
      return undefined;
    }
    session.until = Date.now() + session.idleMilliseconds;
    return session;
  }

  #openSession(user: User, repeatsId: boolean, timeToLive: string | undefined): string {
    const id = randomBytes(18).toString('base64url');
    const login = this.#login(user);
    const minutes = Number(timeToLive);
    if (minutes > 0) login.idleMilliseconds = Math.min(login.idleMilliseconds, minutes * 60_000);
    const endsAt = Date.now() + maximumSessionMilliseconds;
    this.#sessions.set(id, { ...login, until: Date.now() + login.idleMilliseconds, repeatsId, endsAt });
    return id;
  }

  #login(user: User): Login {
    return {
      user,
      until: Date.now() + this.#idleMilliseconds,
      idleMilliseconds: this.#idleMilliseconds,
    };
  }
}

function alive<Kind extends Login>(logins: Map<string, Kind>, key: string): Kind | undefined {
  const login = logins.get(key);
  if (login === undefined || login.until > Date.now()) return login;
  logins.delete(key);
  return undefined;
}

function bearerOf(request: WireRequest): string | undefined {
  return /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

function cookieOf(request: WireRequest): string | undefined {
  return /(?:^|;\s*)JSESSIONID=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
}

function jsonAnswer(status: number, body: string): WireResponse {
  return { status, headers: { 'Content-Type': 'application/json;charset=UTF-8' }, body };
}

/** Anything below `/ovirt-engine` that is not there: HTML. */
export function htmlNotFound(): WireResponse {
  return {
    status: 404,
    headers: { 'Content-Type': 'text/html;charset=UTF-8' },
    body: htmlPage(404, 'Not Found'),
  };
}
