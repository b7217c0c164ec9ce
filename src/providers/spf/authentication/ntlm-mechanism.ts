import { randomBytes } from 'node:crypto';
import type { SendResult } from '../../exchange.ts';
import { unauthenticated } from '../../failures.ts';
import { type Connection, type HttpResponse, type HttpResult, vendorText } from '../../http.ts';
import type { VendorError } from '../../outcome.ts';
import { channelBinding } from '../ntlm/channel-binding.ts';
import { authenticateMessage, NtlmError, negotiateMessage, parseChallenge } from '../ntlm/messages.ts';
import type { WindowsUser } from './sender.ts';
import type { Mechanism, Prepared } from './windows-connections.ts';

/** IIS may offer NTLM under either name; under Negotiate it takes NTLM's messages as they are. */
type Scheme = 'NTLM' | 'Negotiate';

/**
 * NTLM, version 2, bound to the TLS connection. A request without body and effect asks for the challenge; the
 * request itself bears the answer, so that it is sent once however the handshake ends.
 *
 * @param rootURL the service root, for which the challenge is asked
 * @param host with its port
 */
export function ntlmMechanism(account: WindowsUser, rootURL: string, host: string): Mechanism {
  const credentials = { ...splitUser(account.username), password: account.password };
  const servicePrincipal = `HTTP/${host.replace(/:\d+$/, '')}`;
  let scheme: Scheme = 'NTLM';

  async function prepare(...[send, current]: Parameters<Mechanism['prepare']>): Promise<Prepared> {
    const negotiate = negotiateMessage();
    const ask = (connection?: Connection): Promise<HttpResult> =>
      send(
        {
          method: 'GET',
          url: rootURL,
          headers: { authorization: `${scheme} ${negotiate.toString('base64')}` },
        },
        connection,
      );
    let first = await ask();
    if (first.ok && first.response.status === 401 && challengeIn(first.response, scheme) === undefined) {
      const other: Scheme = scheme === 'NTLM' ? 'Negotiate' : 'NTLM';
      if (offers(first.response).some(([name]) => name === other.toLowerCase())) {
        scheme = other;
        first = await ask();
      }
    }
    if (!first.ok) return { result: unsent(first) };
    const { response } = first;
    if (response.status !== 401) return { result: noChallenge(response) };
    const token = challengeIn(response, scheme);
    if (token === undefined) return { result: first };
    const connection = current();
    if (connection === undefined) return { result: connectionLost(host) };
    try {
      const message = authenticateMessage({
        credentials,
        negotiate,
        challenge: parseChallenge(Buffer.from(token, 'base64')),
        servicePrincipal,
        ...bindingOf(connection),
        clientChallenge: randomBytes(8),
        now: Date.now(),
      });
      return { authorization: `${scheme} ${message.toString('base64')}`, connection };
    } catch (error) {
      if (!(error instanceof NtlmError)) throw error;
      const failure = unauthenticated({ code: 'NTLMFailed', message: vendorText(error.message) });
      return { result: { ok: false, without: failure } };
    }
  }

  return {
    prepare,
    // Windows keeps such a connection unless it says otherwise; where it does not, the next request gets a 401.
    persists: (persistentAuth) => persistentAuth !== 'false',
    close: () => Promise.resolve(),
  };
}

/** Domain and user of `DOMAIN\user`; `user@domain` goes as it is, without a domain beside it. */
export function splitUser(name: string): { domain: string; user: string } {
  const backslash = name.indexOf('\\');
  if (backslash < 0) return { domain: '', user: name };
  return { domain: name.slice(0, backslash), user: name.slice(backslash + 1) };
}

/** The schemes that a 401 offers, in lower case, with their tokens. Every scheme of Windows' has a header of its own. */
function offers({ headers }: HttpResponse): [scheme: string, token: string][] {
  const values = headers['www-authenticate'] ?? [];
  return (Array.isArray(values) ? values : [values]).map((value) => {
    const [name = '', token = ''] = value.trim().split(/\s+/, 2);
    return [name.toLowerCase(), token];
  });
}

function challengeIn(response: HttpResponse, scheme: Scheme): string | undefined {
  const token = offers(response).find(([name]) => name === scheme.toLowerCase())?.[1];
  return token === undefined || token === '' ? undefined : token;
}

/** What binds the handshake to its connection; nothing where the certificate cannot be read as one. */
function bindingOf({ serverCertificate }: Connection): { channelBinding?: Buffer } {
  if (serverCertificate === undefined) return {};
  try {
    return { channelBinding: channelBinding(serverCertificate) };
  } catch (error) {
    if (error instanceof RangeError) return {};
    throw error;
  }
}

/** A handshake that broke before the request: nothing of that was sent. */
function unsent(result: Extract<HttpResult, { ok: false }>): SendResult {
  return { ok: false, failure: { ...result.failure, sent: false } };
}

/** The server answered the first step, and not with a challenge. Of the request itself nothing was sent. */
function noChallenge({ status }: HttpResponse): SendResult {
  const error: VendorError =
    status < 300
      ? {
          code: 'NoChallenge',
          message:
            'the server answered the first step of NTLM with data and no challenge: it asks nobody who they are',
        }
      : {
          code: `HTTP${status}`,
          message: `the server answered ${status} to the first step of NTLM; the request itself was not sent`,
          status,
        };
  return { ok: false, failure: { sent: false, error } };
}

function connectionLost(host: string): SendResult {
  const message = `the connection to ${host} was closed within the NTLM handshake; the request itself was not sent`;
  return {
    ok: false,
    failure: { sent: false, cause: 'ConnectionGone', error: { code: 'ConnectionGone', message } },
  };
}
