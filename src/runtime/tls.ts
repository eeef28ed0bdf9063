/** TLS contexts, and the self-signed certificate that is made if none is given. */
import 'reflect-metadata';
import { constants, webcrypto } from 'node:crypto';

type CryptoKeyPair = webcrypto.CryptoKeyPair;

import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls';

/**
 * For every server: a client must not be able to renegotiate again and again on one connection; no mail
 * client needs to (RFC 9325 §3.5). The `disableRenegotiation` of Node.js has no effect on a TLSSocket made by
 * hand.
 */
export const NO_RENEGOTIATION = constants.SSL_OP_NO_RENEGOTIATION;

/**
 * Suites with forward secrecy and authenticated encryption (RFC 9325 §4.2): none uses CBC. Those of TLS 1.3 must be
 * named as well, because the list replaces all.
 */
const AEAD_SUITES = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * `clients`: people's programs, which can all use modern suites, or any mail server, whose old suites are better than
 * plain text (RFC 7435 §3). Throws if the PEM texts are not a certificate and a key, or do not
 * belong together.
 */
export function createTlsContext({
  clients,
  ...options
}: {
  cert: string | Buffer;
  key: string | Buffer;
  minVersion: SecureVersion;
  clients: 'people' | 'servers';
}): SecureContext {
  const old = options.minVersion === 'TLSv1' || options.minVersion === 'TLSv1.1';
  return createSecureContext({
    ...options,
    maxVersion: 'TLSv1.3',
    secureOptions: NO_RENEGOTIATION,
    // The version alone is not enough: OpenSSL 3 disables old versions by its security level as well.
    ...(old ? { ciphers: 'DEFAULT@SECLEVEL=0' } : clients === 'people' ? { ciphers: AEAD_SUITES } : {}),
  });
}

/** A self-signed P-256 certificate, valid for ten years, for the host name and loopback, as PEM texts. */
export async function makeSelfSigned(hostname: string, now: number): Promise<{ cert: string; key: string }> {
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${hostname}`,
    notBefore: new Date(now - 86_400_000),
    notAfter: new Date(now + 3650 * 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: hostname },
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{1,64}/g, '$&\n')}-----END PRIVATE KEY-----\n`,
  };
}
