import { createHash } from 'node:crypto';

/** DER of signature algorithms whose hash is not SHA-256, and that hash. */
const hashBySignature: Readonly<Record<string, string>> = {
  '2a864886f70d01010c': 'sha384', // sha384WithRSAEncryption
  '2a864886f70d01010d': 'sha512', // sha512WithRSAEncryption
  '2a8648ce3d040303': 'sha384', // ecdsa-with-SHA384
  '2a8648ce3d040304': 'sha512', // ecdsa-with-SHA512
};

/**
 * What binds an NTLM handshake to the TLS connection it runs over, so that no one in between can pass it on: the value
 * of MsvAvChannelBindings for "tls-server-end-point" (RFC 5929, section 4; MS-NLMP, section 3.1.5.1.2).
 *
 * @param certificate the server's own certificate, DER
 * @returns 16 bytes
 * @throws RangeError when the certificate is no DER
 */
export function channelBinding(certificate: Uint8Array): Buffer {
  return bindingOfHash(createHash(endPointHash(certificate)).update(certificate).digest());
}

/**
 * The value of MsvAvChannelBindings for a hash of the server's certificate.
 *
 * @returns 16 bytes: the MD5 of a gss_channel_bindings_struct that holds nothing but application data
 */
export function bindingOfHash(certificateHash: Uint8Array): Buffer {
  const data = Buffer.concat([Buffer.from('tls-server-end-point:'), certificateHash]);
  const addresses = Buffer.alloc(16);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(data.length);
  return createHash('md5').update(addresses).update(length).update(data).digest();
}

/** The hash of the certificate's signature; SHA-256 where that is MD5, SHA-1, or none that is known here. */
function endPointHash(certificate: Uint8Array): string {
  const der = Buffer.from(certificate);
  const outer = element(der, 0);
  const signed = element(der, outer.start);
  const algorithm = element(der, signed.end);
  const identifier = element(der, algorithm.start);
  return hashBySignature[der.subarray(identifier.start, identifier.end).toString('hex')] ?? 'sha256';
}

/** Where the content of the DER element at an offset begins and ends. */
function element(der: Buffer, offset: number): { start: number; end: number } {
  const first = der.readUInt8(offset + 1);
  const longForm = (first & 0x80) !== 0;
  const lengthBytes = longForm ? first & 0x7f : 0;
  const length = longForm ? der.readUIntBE(offset + 2, lengthBytes) : first;
  const start = offset + 2 + lengthBytes;
  return { start, end: start + length };
}
