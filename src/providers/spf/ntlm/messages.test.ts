import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  authenticateMessage,
  type Challenge,
  NtlmError,
  negotiateMessage,
  ntlmV2Response,
  parseChallenge,
  responseKey,
  serializeTargetInfo,
} from './messages.ts';

// MS-NLMP, section 4.2.1 (common values) and 4.2.4 (NTLMv2).
const credentials = { user: 'User', domain: 'Domain', password: 'Password' };
const serverChallenge = Buffer.from('0123456789abcdef', 'hex');
const clientChallenge = Buffer.alloc(8, 0xaa);
const publishedChallenge = Buffer.from(
  '4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000' +
    '060070170000000f53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000',
  'hex',
);
const publishedTargetInfo = Buffer.from(
  '02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000',
  'hex',
);

describe('what NTLMv2 computes, against the vectors of MS-NLMP, section 4.2.4', () => {
  it('makes the response key of user, domain and password (4.2.4.1.1)', () => {
    expect(responseKey(credentials).toString('hex')).toBe('0c868a403bfd7a93a3001ef22ef02e3f');
  });

  it('makes the proof, the client data (4.2.4.1.3, 4.2.4.2.2) and the session base key (4.2.4.1.2)', () => {
    const { ntResponse, sessionBaseKey } = ntlmV2Response({
      key: responseKey(credentials),
      serverChallenge,
      clientChallenge,
      time: 0n,
      targetInfo: publishedTargetInfo,
    });
    expect(ntResponse.toString('hex')).toBe(
      '68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000' +
        '02000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000',
    );
    expect(sessionBaseKey.toString('hex')).toBe('8de40ccadbc14a82f15cb0ad0de95ca3');
  });

  it('reads the challenge (4.2.4.3)', () => {
    const challenge = parseChallenge(publishedChallenge);
    expect(challenge.flags).toBe(0xe28a8233);
    expect(challenge.serverChallenge).toEqual(serverChallenge);
    expect(challenge.targetInfo.map(({ id, value }) => [id, value.toString('utf16le')])).toEqual([
      [2, 'Domain'],
      [1, 'Server'],
    ]);
    expect(serializeTargetInfo(challenge.targetInfo)).toEqual(publishedTargetInfo);
  });
});

describe('the whole handshake, byte for byte as Chromium, which is used against Windows, has it', () => {
  // net/ntlm/ntlm_test_data.h of Chromium: the values of MS-NLMP 4.2 with MIC, channel binding and service name.
  const negotiate = '4e544c4d53535000010000000782080000000000200000000000000020000000';

  it('begins with the negotiate message', () => {
    expect(negotiateMessage().toString('hex')).toBe(negotiate);
  });

  it('ends with the authenticate message', () => {
    const message = authenticateMessage({
      credentials,
      negotiate: negotiateMessage(),
      challenge: parseChallenge(publishedChallenge),
      servicePrincipal: 'HTTP/Server',
      channelBinding: Buffer.from('6586e99d81c2fc984e47172fd4dd0310', 'hex'),
      clientChallenge,
      now: Number(0x01d2d400fdc80b80n / 10_000n - 11_644_473_600_000n),
      workstation: 'COMPUTER',
    });
    expect(message.toString('hex')).toBe(
      '4e544c4d535350000300000018001800580000008a008a00700000000c000c00fa0000000800080006010000100010000e010000' +
        '00000000580000000382080000000000000000' +
        '00f7361633f0ad9bdf4a7c421bc6b824a3' +
        '000000000000000000000000000000000000000000000000' +
        '8c0260dbef690662af9c42d50782d2ed0101000000000000800bc8fd00d4d201aaaaaaaaaaaaaaaa0000000002000c0044006f006d00' +
        '610069006e0001000c0053006500720076006500720006000400020000000a0010006586e99d81c2fc984e47172fd4dd031009001600' +
        '48005400540050002f00530065007200760065007200000000000000000044006f006d00610069006e005500730065007200' +
        '43004f004d0050005500540045005200',
    );
  });
});

describe('an authenticate message', () => {
  const published = parseChallenge(publishedChallenge);

  function answerTo(challenge: Challenge, now = 0): Buffer {
    const negotiate = negotiateMessage();
    return authenticateMessage({
      credentials,
      negotiate,
      challenge,
      servicePrincipal: 'HTTP/a',
      clientChallenge,
      now,
    });
  }

  it("bears the server's time where the server sends it, whatever the clock here says", () => {
    const value = Buffer.from('0011223344556601', 'hex');
    const challenge = { ...published, targetInfo: [...published.targetInfo, { id: 7, value }] };
    const message = answerTo(challenge, Date.UTC(2020, 0));
    expect(message.subarray(112 + 24, 112 + 32)).toEqual(value);
    expect(message).toEqual(answerTo(challenge, Date.UTC(2030, 0)));
  });

  it("keeps the server's flags beside its own, and sends each pair once", () => {
    const pairs = [6, 9, 10].map((id) => ({ id, value: Buffer.from('01000000', 'hex') }));
    const message = answerTo({ ...published, targetInfo: [...published.targetInfo, ...pairs] });
    const sent = message.subarray(112 + 44, 112 + message.readUInt16LE(20) - 4);
    expect(sent.toString('hex')).toBe(
      `${publishedTargetInfo.subarray(0, -4).toString('hex')}0600040003000000` +
        `0a00100000000000000000000000000000000000` +
        `09000c00${Buffer.from('HTTP/a', 'utf16le').toString('hex')}00000000`,
    );
  });

  it('upper-cases the user as Windows does, one letter for one', () => {
    const key = (user: string): string => responseKey({ ...credentials, user }).toString('hex');
    expect(key('müller')).toBe(key('MÜLLER'));
    expect(key('strauß')).not.toBe(key('STRAUSS'));
    expect(key('strauß')).toBe(key('STRAUß'));
  });
});

describe('a challenge that cannot be answered', () => {
  const without = (flag: number): Buffer => {
    const bytes = Buffer.from(publishedChallenge);
    bytes.writeUInt32LE((bytes.readUInt32LE(20) & ~flag) >>> 0, 20);
    return bytes;
  };
  const farTargetInfo = Buffer.from(publishedChallenge);
  farTargetInfo.writeUInt32LE(0xffff_fff0, 44);
  const longPair = Buffer.from(publishedChallenge);
  longPair.writeUInt16LE(0x7fff, 70);

  it.each([
    ['is no NTLM at all', Buffer.from('HTTP/1.1 200 OK'), /no NTLM challenge/],
    ['is a negotiate message', Buffer.concat([negotiateMessage(), Buffer.alloc(40)]), /no NTLM challenge/],
    ['has no Unicode', without(0x1), /Unicode/],
    ['has no target information', without(0x0080_0000), /NTLMv2/],
    ['points beyond its end', farTargetInfo, /breaks off/],
    ['has a pair that is longer than the rest', longPair, /breaks off/],
    ['breaks off', publishedChallenge.subarray(0, 80), /breaks off/],
  ])('is refused when it %s', (_what, bytes, message) => {
    expect(() => parseChallenge(bytes)).toThrow(NtlmError);
    expect(() => parseChallenge(bytes)).toThrow(message);
  });

  it('never makes anything but an NtlmError, whatever bytes come', () => {
    const head = publishedChallenge.subarray(0, 12);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (bytes, plausible) => {
        const message = plausible ? Buffer.concat([head, bytes]) : Buffer.from(bytes);
        try {
          parseChallenge(message);
        } catch (error) {
          expect(error).toBeInstanceOf(NtlmError);
        }
      }),
    );
  });
});
