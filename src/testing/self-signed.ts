/** For tests: a certificate that vouches for itself, and its key. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { Pair } from './far-end.ts';

const DAY = 86_400_000;
interface SelfSigned {
  readonly rsa: boolean;
  readonly expired: boolean;
  /** What the name is. */
  readonly type: 'dns' | 'ip';
}
export async function selfSigned(
  name: string,
  { rsa = false, expired = false, type = 'dns' }: Partial<SelfSigned> = {},
): Promise<Pair> {
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as never);
  const algorithm = rsa
    ? {
        name: 'RSASSA-PKCS1-v1_5',
        hash: 'SHA-256',
        modulusLength: 2048,
        publicExponent: new Uint8Array([1, 0, 1]),
      }
    : { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 3 * DAY),
    notAfter: new Date(Date.now() + (expired ? -DAY : DAY)),
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type, value: name }])],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    cert: cert.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`,
  };
}
