import type { SendResult } from '../../exchange.ts';
import { unauthenticated } from '../../failures.ts';
import { vendorText } from '../../http.ts';
import { type TicketAnswer, TicketProcess } from './ticket-process.ts';
import type { Mechanism, Prepared } from './windows-connections.ts';

/** Where tokens for a service come from. */
export interface Tickets {
  /** A token for one use. Never throws. */
  token(service: string, signal?: AbortSignal): Promise<TicketAnswer>;
  close(): Promise<void>;
}

/**
 * Negotiate with Kerberos: the request itself bears the token, and a 401 proves that it had no effect. TLS tells who
 * the server is, so that its own token is not asked for.
 *
 * @param host with its port
 * @param tickets where tokens come from; a process that uses the package kerberos
 */
export function kerberosMechanism(
  identity: { principal: string; keytab: Uint8Array },
  host: string,
  tickets: Tickets = new TicketProcess(identity),
): Mechanism {
  // Hosts are known to Kerberos by their full names (SPF sheet, section 8).
  const service = `HTTP@${host.replace(/:\d+$/, '')}`;

  async function prepare(...[, , signal]: Parameters<Mechanism['prepare']>): Promise<Prepared> {
    const answer = await tickets.token(service, signal);
    if ('token' in answer) return { authorization: `Negotiate ${answer.token}` };
    return { result: withoutToken(answer, service) };
  }

  return {
    prepare,
    // IIS says so of connections that stay authenticated; others need a token with each request.
    persists: (persistentAuth) => persistentAuth === 'true',
    close: () => tickets.close(),
  };
}

/** No token: nothing was sent. */
function withoutToken(answer: Exclude<TicketAnswer, { token: string }>, service: string): SendResult {
  const { cause, message } = answer;
  const error = (code: string, text: string) => ({ code, message: vendorText(text) });
  switch (cause) {
    case 'Missing':
      return {
        ok: false,
        without: {
          kind: 'Unsupported',
          local: true,
          error: error(
            'KerberosMissing',
            `spec.spf.auth.negotiate needs the npm package kerberos with its native part, and MIT's library libgssapi_krb5, beside the operator, and they cannot be used: ${message}. Add them to the image, or authenticate by ntlm or basic`,
          ),
        },
      };
    case 'Aborted':
      return { ok: false, failure: { sent: false, cause: 'Aborted', error: error('Aborted', message) } };
    case 'Unreachable':
      return {
        ok: false,
        failure: { sent: false, error: error('KDCUnreachable', ticketWords(service, message)) },
      };
    case 'Refused':
      return { ok: false, without: unauthenticated(error('NoTicket', ticketWords(service, message))) };
  }
}

function ticketWords(service: string, message: string): string {
  return `no Kerberos ticket for ${service}: ${message}. Check principal and keytab in the Secret, krb5.conf, and that the service is known by this name (setspn)`;
}
