import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bindingOfHash, channelBinding } from './channel-binding.ts';

describe('a channel binding', () => {
  it("is the one of Microsoft's example for the hash of its server's certificate", () => {
    // Open Specifications blog, "NTLM and Channel Binding Hash (aka Extended Protection for Authentication)", 2013.
    const hash = Buffer.from('ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95', 'hex');
    expect(bindingOfHash(hash).toString('hex')).toBe('6586e99d81c2fc984e47172fd4dd0310');
  });

  it.each([
    ['sha256WithRSAEncryption', '06092a864886f70d01010b0500', 'sha256'],
    ['sha384WithRSAEncryption', '06092a864886f70d01010c0500', 'sha384'],
    ['ecdsa-with-SHA512', '06082a8648ce3d040304', 'sha512'],
    ['sha1WithRSAEncryption, which RFC 5929 lifts to SHA-256', '06092a864886f70d0101050500', 'sha256'],
  ])('hashes a certificate that was signed by %s', (_name, algorithm, hash) => {
    for (const signedBytes of [3, 200, 1000]) {
      const certificate = der(
        Buffer.concat([der(Buffer.alloc(signedBytes)), der(Buffer.from(algorithm, 'hex'))]),
      );
      const expected = bindingOfHash(createHash(hash).update(certificate).digest());
      expect(channelBinding(certificate)).toEqual(expected);
    }
  });

  it('is refused for what is no certificate', () => {
    expect(() => channelBinding(Buffer.from('3082', 'hex'))).toThrow(RangeError);
  });
});

/** A DER sequence. */
function der(content: Buffer): Buffer {
  const length = content.length;
  const head =
    length < 0x80
      ? [0x30, length]
      : length < 0x100
        ? [0x30, 0x81, length]
        : [0x30, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}
