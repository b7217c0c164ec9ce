/** The process that fetches Kerberos tokens for one provider: see `TicketProcess`. Its argument is the folder of the keytab. */
import { rmSync } from 'node:fs';
import type { TicketAnswer, TicketReply, TicketRequest } from './ticket-process.ts';

/** What is used of the package kerberos, which is not among the dependencies. */
interface Kerberos {
  GSS_MECH_OID_SPNEGO: number;
  initializeClient(
    service: string,
    options: { principal: string; flags: number; mechOID: number },
  ): Promise<{ step(challenge: string): Promise<string | null> }>;
}

/** GSS_C_REPLAY_FLAG alone: no proof of the server's is asked for, which TLS has given already. */
const flags = 4;

const unreachable = /cannot (contact|find|resolve)|unable to reach|network|timed? ?out|unreachable/i;

process.on('message', (request: TicketRequest) => {
  fetchToken(request).then((answer) => {
    const reply: TicketReply = { id: request.id, ...answer };
    process.send?.(reply);
  });
});

// The operator is gone, in whatever way: what it left for this process goes with it.
process.on('disconnect', () => {
  const folder = process.argv[2];
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  process.exit();
});

async function fetchToken({ principal, service }: TicketRequest): Promise<TicketAnswer> {
  let kerberos: Kerberos;
  try {
    kerberos = await load();
  } catch (error) {
    return { cause: 'Missing', message: firstLine(error) };
  }
  try {
    const options = { principal, flags, mechOID: kerberos.GSS_MECH_OID_SPNEGO };
    const client = await kerberos.initializeClient(service, options);
    const token = await client.step('');
    if (token === null || token === '') return { cause: 'Refused', message: 'the library made no token' };
    return { token };
  } catch (error) {
    const message = firstLine(error);
    // The library of MIT's is loaded with the first call.
    if (/could not load|cannot open shared object|dlopen/i.test(message))
      return { cause: 'Missing', message };
    return { cause: unreachable.test(message) ? 'Unreachable' : 'Refused', message };
  }
}

async function load(): Promise<Kerberos> {
  // By a variable, as the types are not there where the package is not.
  const name = 'kerberos';
  const { default: kerberos } = (await import(name)) as { default: Kerberos };
  return kerberos;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
