import { createHmac } from 'node:crypto';
import { md4 } from './md4.ts';

const signature = Buffer.from('NTLMSSP\0', 'latin1');
const authenticateHeaderBytes = 88;
const micOffset = 72;
const micBytes = 16;

/** NTLM negotiation flags (MS-NLMP, section 2.2.2.5), those that are used here. */
const flags = {
  unicode: 0x0000_0001,
  oem: 0x0000_0002,
  requestTarget: 0x0000_0004,
  ntlm: 0x0000_0200,
  alwaysSign: 0x0000_8000,
  extendedSessionSecurity: 0x0008_0000,
  targetInfo: 0x0080_0000,
} as const;

/** No key exchange, no signing, no sealing: TLS protects what is sent, and RC4 would be needed for them. */
const negotiatedFlags =
  flags.unicode |
  flags.oem |
  flags.requestTarget |
  flags.ntlm |
  flags.alwaysSign |
  flags.extendedSessionSecurity;

/** Identifiers of what a target information holds (MS-NLMP, section 2.2.2.1), those that are used here. */
const pairIds = { end: 0, flags: 6, timestamp: 7, targetName: 9, channelBindings: 10 } as const;

/** The bit of MsvAvFlags that says that the message bears a MIC. */
const micPresent = 0x2;

/** Who authenticates. */
export interface NtlmCredentials {
  user: string;
  /** A NetBIOS or DNS domain, or the server's own name for a local account; empty for user@domain. */
  domain: string;
  password: string;
}

/** What a server's CHALLENGE_MESSAGE says. */
export interface Challenge {
  flags: number;
  /** 8 bytes. */
  serverChallenge: Buffer;
  targetInfo: readonly TargetInfoPair[];
  /** The message as it came, which the MIC covers. */
  bytes: Buffer;
}

/** One AV_PAIR. */
export interface TargetInfoPair {
  id: number;
  value: Buffer;
}

/** What the answer to a challenge is made of. */
export interface AuthenticateInput {
  credentials: NtlmCredentials;
  /** The NEGOTIATE_MESSAGE that was sent. */
  negotiate: Buffer;
  challenge: Challenge;
  /** The service, such as HTTP/spf.example.com. */
  servicePrincipal: string;
  /** Of the TLS connection (`channelBinding`); absent without TLS. */
  channelBinding?: Buffer;
  /** 8 random bytes, new for each message. */
  clientChallenge: Buffer;
  /** Now, in milliseconds since the epoch; the server's own time goes before it. */
  now: number;
  /** The client's name; may be empty. */
  workstation?: string;
}

/** A message of the server that is no NTLM, or asks for what is not done here. */
export class NtlmError extends Error {
  override readonly name = 'NtlmError';
}

/** The NEGOTIATE_MESSAGE, with which a handshake begins; it names nobody. */
export function negotiateMessage(): Buffer {
  const message = Buffer.alloc(32);
  writeHeader(message, 1);
  message.writeUInt32LE(negotiatedFlags, 12);
  writeField(message, 16, 0, message.length);
  writeField(message, 24, 0, message.length);
  return message;
}

/**
 * Reads a CHALLENGE_MESSAGE.
 *
 * @throws NtlmError when it is none, or comes from a server without Unicode or NTLMv2
 */
export function parseChallenge(bytes: Buffer): Challenge {
  if (bytes.length < 48 || !bytes.subarray(0, 8).equals(signature) || bytes.readUInt32LE(8) !== 2) {
    throw new NtlmError(`The server's answer (${bytes.length} bytes) is no NTLM challenge.`);
  }
  const offered = bytes.readUInt32LE(20);
  if ((offered & flags.unicode) === 0) throw new NtlmError('The server does not speak Unicode over NTLM.');
  if ((offered & flags.targetInfo) === 0) {
    throw new NtlmError('The server sends no target information, without which there is no NTLMv2.');
  }
  const targetInfo = parseTargetInfo(field(bytes, 40, 'target information'));
  return { flags: offered, serverChallenge: Buffer.from(bytes.subarray(24, 32)), targetInfo, bytes };
}

/**
 * The AUTHENTICATE_MESSAGE: an NTLMv2 response (MS-NLMP, section 3.3.2), bound to the TLS connection, with a MIC over all
 * three messages. There is no LMv2 response, as MS-NLMP, section 3.1.5.1.2, has it for servers that send their time.
 */
export function authenticateMessage(input: AuthenticateInput): Buffer {
  const { credentials, challenge } = input;
  const key = responseKey(credentials);
  const { ntResponse, sessionBaseKey } = ntlmV2Response({
    key,
    serverChallenge: challenge.serverChallenge,
    clientChallenge: input.clientChallenge,
    time: serverTime(challenge) ?? fileTime(input.now),
    targetInfo: serializeTargetInfo(answeredTargetInfo(input)),
  });
  const payload = [
    Buffer.alloc(24), // LmChallengeResponse
    ntResponse,
    utf16(credentials.domain),
    utf16(credentials.user),
    utf16(input.workstation ?? ''),
  ];
  const message = Buffer.concat([Buffer.alloc(authenticateHeaderBytes), ...payload]);
  writeHeader(message, 3);
  let offset = authenticateHeaderBytes;
  for (const [index, part] of payload.entries()) {
    writeField(message, 12 + 8 * index, part.length, offset);
    offset += part.length;
  }
  writeField(message, 52, 0, authenticateHeaderBytes); // EncryptedRandomSessionKey
  message.writeUInt32LE((challenge.flags & negotiatedFlags) >>> 0, 60);
  hmacMd5(sessionBaseKey, input.negotiate, challenge.bytes, message).copy(message, micOffset, 0, micBytes);
  return message;
}

/** NTOWFv2: the key that stands for the password in NTLMv2. As good as the password: never log it. */
export function responseKey({ user, domain, password }: NtlmCredentials): Buffer {
  return hmacMd5(md4(utf16(password)), utf16(upperCase(user) + domain));
}

/** What an NTLMv2 response is computed from. */
export interface ResponseInput {
  /** Of `responseKey`. */
  key: Buffer;
  serverChallenge: Buffer;
  clientChallenge: Buffer;
  /** Tenths of a microsecond since 1601. */
  time: bigint;
  /** Serialized, with its end. */
  targetInfo: Buffer;
}

/** The NTLMv2 response, and the key that the MIC is made with. */
export function ntlmV2Response(input: ResponseInput): { ntResponse: Buffer; sessionBaseKey: Buffer } {
  const head = Buffer.alloc(16);
  head.set([1, 1]); // RespType, HiRespType
  head.writeBigUInt64LE(input.time, 8);
  const clientData = Buffer.concat([
    head,
    input.clientChallenge,
    Buffer.alloc(4),
    input.targetInfo,
    Buffer.alloc(4),
  ]);
  const proof = hmacMd5(input.key, input.serverChallenge, clientData);
  return { ntResponse: Buffer.concat([proof, clientData]), sessionBaseKey: hmacMd5(input.key, proof) };
}

/** Target information as it goes over the wire, with its end. */
export function serializeTargetInfo(pairs: readonly TargetInfoPair[]): Buffer {
  const parts = [...pairs, { id: pairIds.end, value: Buffer.alloc(0) }].flatMap(({ id, value }) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(id, 0);
    head.writeUInt16LE(value.length, 2);
    return [head, value];
  });
  return Buffer.concat(parts);
}

/** The server's target information with what the client adds. */
function answeredTargetInfo(input: AuthenticateInput): TargetInfoPair[] {
  const own = new Set<number>([pairIds.flags, pairIds.channelBindings, pairIds.targetName]);
  const { targetInfo } = input.challenge;
  const serverFlags = targetInfo.find(({ id }) => id === pairIds.flags)?.value;
  const flagsValue = Buffer.alloc(4);
  flagsValue.writeUInt32LE((serverFlags?.length === 4 ? serverFlags.readUInt32LE() : 0) | micPresent);
  return [
    ...targetInfo.filter(({ id }) => !own.has(id)),
    { id: pairIds.flags, value: flagsValue },
    { id: pairIds.channelBindings, value: input.channelBinding ?? Buffer.alloc(16) },
    { id: pairIds.targetName, value: utf16(input.servicePrincipal) },
  ];
}

function parseTargetInfo(bytes: Buffer): TargetInfoPair[] {
  const pairs: TargetInfoPair[] = [];
  for (let offset = 0; offset + 4 <= bytes.length; ) {
    const id = bytes.readUInt16LE(offset);
    const end = offset + 4 + bytes.readUInt16LE(offset + 2);
    if (id === pairIds.end) return pairs;
    if (end > bytes.length) break;
    pairs.push({ id, value: bytes.subarray(offset + 4, end) });
    offset = end;
  }
  throw new NtlmError("The target information in the server's NTLM challenge breaks off.");
}

function serverTime(challenge: Challenge): bigint | undefined {
  const value = challenge.targetInfo.find(({ id }) => id === pairIds.timestamp)?.value;
  return value?.length === 8 ? value.readBigUInt64LE() : undefined;
}

/** Windows' own reckoning of time: tenths of a microsecond since 1601. */
function fileTime(milliseconds: number): bigint {
  return (BigInt(Math.trunc(milliseconds)) + 11_644_473_600_000n) * 10_000n;
}

function field(message: Buffer, at: number, what: string): Buffer {
  const length = message.readUInt16LE(at);
  const offset = message.readUInt32LE(at + 4);
  if (offset + length > message.length)
    throw new NtlmError(`The ${what} of the server's NTLM challenge breaks off.`);
  return message.subarray(offset, offset + length);
}

function writeHeader(message: Buffer, type: number): void {
  signature.copy(message);
  message.writeUInt32LE(type, 8);
}

function writeField(message: Buffer, at: number, length: number, offset: number): void {
  message.writeUInt16LE(length, at);
  message.writeUInt16LE(length, at + 2);
  message.writeUInt32LE(offset, at + 4);
}

/** Upper case as Windows has it: one code unit for one, so that "ß" stays what it is. */
function upperCase(text: string): string {
  return Array.from({ length: text.length }, (_, index) => {
    const upper = text.charAt(index).toUpperCase();
    return upper.length === 1 ? upper : text.charAt(index);
  }).join('');
}

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le');
}

function hmacMd5(key: Buffer, ...parts: readonly Buffer[]): Buffer {
  const hmac = createHmac('md5', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
