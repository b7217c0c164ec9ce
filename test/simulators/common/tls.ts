import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMilliseconds = 24 * 60 * 60 * 1000;

/** A server's private key and certificate chain, both PEM, as `https.createServer` takes them. */
export interface ServerCertificate {
  key: string;
  cert: string;
}

/** A certificate authority that lives in memory only. */
export interface CertificateAuthority {
  /** The authority's own certificate, PEM: what a client must trust. */
  certificatePem: string;
  /** Issues a server certificate for the given names; IP addresses are recognised by their form. */
  issue(names: readonly string[]): Promise<ServerCertificate>;
}

/**
 * Makes a fresh certificate authority, valid for a week.
 *
 * @param commonName the subject; two authorities of the same name still do not trust each other
 */
export async function createCertificateAuthority(commonName: string): Promise<CertificateAuthority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const notBefore = new Date(Date.now() - dayMilliseconds);
  const notAfter = new Date(Date.now() + 7 * dayMilliseconds);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerialNumber(),
    name: `CN=${commonName}`,
    notBefore,
    notAfter,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const certificatePem = authority.toString('pem');

  async function issue(names: readonly string[]): Promise<ServerCertificate> {
    const serverKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: randomSerialNumber(),
      subject: `CN=${names[0] ?? 'localhost'}`,
      issuer: authority.subject,
      notBefore,
      notAfter,
      publicKey: serverKeys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((name) => ({ type: isIpAddress(name) ? 'ip' : 'dns', value: name })),
        ),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const privateKey = await webcrypto.subtle.exportKey('pkcs8', serverKeys.privateKey);
    return {
      key: x509.PemConverter.encode(privateKey, 'PRIVATE KEY'),
      cert: `${certificate.toString('pem')}\n${certificatePem}\n`,
    };
  }

  return { certificatePem, issue };
}

/**
 * Makes the certificate of a simulator, and the one of the authority that clients must trust.
 *
 * @param host the host in its URLs; the certificate also bears localhost, 127.0.0.1 and ::1
 * @param foreign issued by an authority that is not the exported one
 */
export async function simulatorCertificate(
  commonName: string,
  host: string,
  foreign: boolean,
): Promise<{ certificate: ServerCertificate; caPem: string }> {
  const authority = await createCertificateAuthority(commonName);
  const issuer = foreign ? await createCertificateAuthority('Foreign CA') : authority;
  const certificate = await issuer.issue([...new Set([host, 'localhost', '127.0.0.1', '::1'])]);
  return { certificate, caPem: authority.certificatePem };
}

function randomSerialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(12));
  // A serial number is a positive integer: the top bit stays clear.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return Buffer.from(bytes).toString('hex');
}

function isIpAddress(name: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(name) || name.includes(':');
}
