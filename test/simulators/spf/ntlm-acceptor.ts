import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { md4 } from '../../../src/providers/spf/ntlm/md4.ts';
import type { Account, WindowsAuthentication } from './options.ts';

// The server's side of NTLM, read from MS-NLMP on its own: it shares nothing with the client but MD4.

const signature = Buffer.from('NTLMSSP\0', 'latin1');
const flag = {
  unicode: 0x1,
  oem: 0x2,
  requestTarget: 0x4,
  ntlm: 0x200,
  alwaysSign: 0x8000,
  targetTypeDomain: 0x1_0000,
  extendedSessionSecurity: 0x8_0000,
  targetInfo: 0x80_0000,
} as const;
const windowsEpochMilliseconds = 11_644_473_600_000;
const noBinding = Buffer.alloc(16);

/** A challenge that was sent, with what its answer is checked against. */
export interface PendingChallenge {
  negotiate: Buffer;
  challenge: Buffer;
  serverChallenge: Buffer;
}

/** Whether a token is a message of NTLM, and of which type. */
export function ntlmType(token: Buffer): number | undefined {
  return token.length >= 12 && token.subarray(0, 8).equals(signature) ? token.readUInt32LE(8) : undefined;
}

/** The server's side of NTLMv2. */
export class NtlmAcceptor {
  readonly #windows: WindowsAuthentication;
  readonly #binding: Buffer;

  /** @param certificate the server's own, DER, signed with SHA-256 as the simulators' are */
  constructor(windows: WindowsAuthentication, certificate: Buffer) {
    this.#windows = windows;
    const hash = createHash('sha256').update(certificate).digest();
    const data = Buffer.concat([Buffer.from('tls-server-end-point:'), hash]);
    const structure = Buffer.concat([Buffer.alloc(16), uint32(data.length), data]);
    this.#binding = createHash('md5').update(structure).digest();
  }

  /** Answers a NEGOTIATE_MESSAGE. @returns undefined when it offers neither a charset nor NTLM */
  challenge(negotiate: Buffer): PendingChallenge | undefined {
    const offered = negotiate.length >= 16 ? negotiate.readUInt32LE(12) : 0;
    const charset = offered & flag.unicode ? flag.unicode : offered & flag.oem;
    if (charset === 0 || (offered & flag.ntlm) === 0) return undefined;
    const { domain, computer, dnsDomain, sendsTime } = this.#windows;
    const time = Buffer.alloc(8);
    time.writeBigUInt64LE(BigInt(Date.now() + windowsEpochMilliseconds) * 10_000n);
    const targetInfo = Buffer.concat([
      pair(2, utf16(domain)),
      pair(1, utf16(computer)),
      pair(4, utf16(dnsDomain)),
      pair(3, utf16(`${computer.toLowerCase()}.${dnsDomain}`)),
      ...(sendsTime ? [pair(7, time)] : []),
      pair(0, Buffer.alloc(0)),
    ]);
    const name = charset === flag.unicode ? utf16(domain) : Buffer.from(domain, 'latin1');
    const header = Buffer.alloc(56);
    signature.copy(header);
    header.writeUInt32LE(2, 8);
    setField(header, 12, name.length, 56);
    const flags =
      charset |
      flag.ntlm |
      flag.targetInfo |
      flag.targetTypeDomain |
      (offered & (flag.requestTarget | flag.alwaysSign | flag.extendedSessionSecurity));
    header.writeUInt32LE(flags >>> 0, 20);
    const serverChallenge = randomBytes(8);
    serverChallenge.copy(header, 24);
    setField(header, 40, targetInfo.length, 56 + name.length);
    header.set([10, 0, 0x63, 0x45, 0, 0, 0, 15], 48);
    return { negotiate, challenge: Buffer.concat([header, name, targetInfo]), serverChallenge };
  }

  /** Checks an AUTHENTICATE_MESSAGE: the user's name, or why the message is refused. */
  verify(
    pending: PendingChallenge,
    message: Buffer,
    accounts: readonly Account[],
  ): { user: string } | { refusal: string } {
    if (message.length < 64) return { refusal: 'The message is too short.' };
    const [response, domainBytes, userBytes] = [20, 28, 36].map((at) => field(message, at));
    if (response === undefined || domainBytes === undefined || userBytes === undefined) {
      return { refusal: 'A field points beyond the message.' };
    }
    if (response.length <= 24) return { refusal: 'NTLMv1 and anonymous log-ons are refused.' };
    const encoding = message.readUInt32LE(60) & flag.unicode ? 'utf16le' : 'latin1';
    const user = userBytes.toString(encoding);
    const domain = domainBytes.toString(encoding);
    const account = this.#accountOf(user, domain, accounts);
    if (account === undefined) return { refusal: `There is no account ${domain}\\${user}.` };

    const key = hmac(md4(utf16(account.password)), utf16(user.toUpperCase() + domain));
    const [proof, clientData] = [response.subarray(0, 16), response.subarray(16)];
    if (!equal(proof, hmac(key, pending.serverChallenge, clientData))) {
      return { refusal: 'The password is wrong, or the response answers another challenge.' };
    }
    const pairs = readPairs(clientData.subarray(28));
    const refusal =
      this.#micRefusal(pending, message, pairs, hmac(key, proof)) ?? this.#bindingRefusal(pairs.get(10));
    return refusal === undefined ? { user: account.user } : { refusal };
  }

  #accountOf(user: string, domain: string, accounts: readonly Account[]): Account | undefined {
    const local = [this.#windows.domain, this.#windows.computer, this.#windows.dnsDomain, ''];
    return accounts.find((account) => {
      const domains = account.domain === undefined ? local : [account.domain];
      return (
        sameText(account.user, user.split('@')[0] ?? '') && domains.some((known) => sameText(known, domain))
      );
    });
  }

  /** Whether the message bears a MIC stands in the target information (MS-NLMP, section 3.2.5.1.2). */
  #micRefusal(
    pending: PendingChallenge,
    message: Buffer,
    pairs: ReadonlyMap<number, Buffer>,
    sessionBaseKey: Buffer,
  ): string | undefined {
    const flags = pairs.get(6);
    const hasMic = flags !== undefined && flags.length === 4 && (flags.readUInt32LE() & 2) !== 0;
    if (!hasMic) return this.#windows.demandsMic ? 'The message bears no MIC.' : undefined;
    if (message.length < 88) return 'The message has no room for its MIC.';
    const bare = Buffer.from(message);
    bare.fill(0, 72, 88);
    const mic = hmac(sessionBaseKey, pending.negotiate, pending.challenge, bare);
    return equal(mic, message.subarray(72, 88)) ? undefined : 'The MIC is wrong.';
  }

  #bindingRefusal(binding: Buffer | undefined): string | undefined {
    const { extendedProtection } = this.#windows;
    if (extendedProtection === 'off') return undefined;
    const isAbsent = binding === undefined || binding.equals(noBinding);
    if (isAbsent) return extendedProtection === 'require' ? 'There is no channel binding.' : undefined;
    return binding.equals(this.#binding) ? undefined : 'The channel binding is that of another connection.';
  }
}

function readPairs(bytes: Buffer): Map<number, Buffer> {
  const pairs = new Map<number, Buffer>();
  for (let offset = 0; offset + 4 <= bytes.length; ) {
    const id = bytes.readUInt16LE(offset);
    const length = bytes.readUInt16LE(offset + 2);
    if (id === 0) break;
    pairs.set(id, bytes.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return pairs;
}

function field(message: Buffer, at: number): Buffer | undefined {
  const length = message.readUInt16LE(at);
  const offset = message.readUInt32LE(at + 4);
  return offset + length > message.length ? undefined : message.subarray(offset, offset + length);
}

function setField(message: Buffer, at: number, length: number, offset: number): void {
  message.writeUInt16LE(length, at);
  message.writeUInt16LE(length, at + 2);
  message.writeUInt32LE(offset, at + 4);
}

function pair(id: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id, 0);
  head.writeUInt16LE(value.length, 2);
  return Buffer.concat([head, value]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le');
}

function hmac(key: Buffer, ...parts: readonly Buffer[]): Buffer {
  return createHmac('md5', key).update(Buffer.concat(parts)).digest();
}

function equal(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function sameText(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
