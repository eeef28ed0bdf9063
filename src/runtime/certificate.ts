/**
 * The certificate of this host: the files that the environment names, re-read when they change, or a
 * self-signed certificate. The self-signed one is made at first start, and again if the host name has changed or
 * if it expires soon. If a changed pair is unusable, the service logs it and keeps the current pair.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SecureContext, SecureVersion } from 'node:tls';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { ownFile, replaceOwnFile } from './own-file.ts';
import { createTlsContext, makeSelfSigned } from './tls.ts';

export interface CertificateFiles {
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly dataDir: string;
  readonly hostname: string;
}
/** See createTlsContext. */
type Clients = 'people' | 'servers';
export interface Certificate {
  /** The context for listeners with this lowest TLS version; re-read when the files change. */
  contextFor(minVersion: SecureVersion, clients: Clients): () => SecureContext;
}
const CERT = 'self-signed.cert.pem';
const KEY = 'self-signed.key.pem';
/** A self-signed certificate is renewed when it expires within this time. */
const RENEW_MS = 30 * 86_400_000;
/** ms between two looks at the files, and between two looks at the age of the certificate */
const LOOK_MS = 1000;
const AGE_MS = 3_600_000;

/** If the files are unusable, throws an error that names the variables. */
export async function openCertificate(
  config: CertificateFiles,
  clock: Clock,
  logger: Logger,
): Promise<Certificate> {
  const { dataDir, hostname } = config;
  const paths = config.tls ?? { cert: join(dataDir, CERT), key: join(dataDir, KEY) };
  const isOwn = config.tls === null;
  if (isOwn) await ensureSelfSigned(dataDir, hostname, clock.now());
  const read = () => {
    try {
      const pair = { cert: readFileSync(paths.cert), key: readFileSync(paths.key) };
      createTlsContext({ ...pair, minVersion: 'TLSv1.2', clients: 'servers' });
      return pair;
    } catch (error) {
      throw new Error(`HIKYAKU_TLS_CERT or HIKYAKU_TLS_KEY cannot be used: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
  const stamp = () => `${statSync(paths.cert).mtimeMs} ${statSync(paths.key).mtimeMs}`;
  const first = read();
  const age = { lookedAt: clock.monotonic() };
  /** The files change; the contexts find that by themselves. */
  function renewIfOld(now: number): void {
    if (!isOwn || now - age.lookedAt < AGE_MS) return;
    age.lookedAt = now;
    ensureSelfSigned(dataDir, hostname, clock.now()).catch((error: unknown) =>
      logger.error({ err: error }, 'renewing the self-signed certificate failed; the old one stays'),
    );
  }
  return {
    contextFor(minVersion, clients) {
      const current = {
        stamp: stamp(),
        checkedAt: clock.monotonic(),
        context: createTlsContext({ ...first, minVersion, clients }),
      };
      return () => {
        const now = clock.monotonic();
        if (now - current.checkedAt > LOOK_MS) {
          current.checkedAt = now;
          renewIfOld(now);
          try {
            const seen = stamp();
            if (seen !== current.stamp) {
              current.context = createTlsContext({ ...read(), minVersion, clients });
              current.stamp = seen;
              logger.info({}, 'the service read the changed TLS certificate');
            }
          } catch (error) {
            logger.error(
              { err: error },
              'the changed TLS certificate is unusable; the service keeps the old one',
            );
          }
        }
        return current.context;
      };
    },
  };
}

/** Makes the self-signed pair if there is none, or if it is of no use any more. */
async function ensureSelfSigned(directory: string, hostname: string, now: number): Promise<void> {
  const [certPath, keyPath] = [join(directory, CERT), join(directory, KEY)];
  const isThere = existsSync(certPath) && existsSync(keyPath);
  if (isThere && isFit(readFileSync(certPath), readFileSync(keyPath), hostname, now)) return;
  const made = await makeSelfSigned(hostname, now);
  if (!existsSync(keyPath) && !existsSync(certPath)) {
    await ownFile(directory, CERT, () => made.cert);
    await ownFile(directory, KEY, () => made.key);
    return;
  }
  // A process that ends between the two leaves a pair that does not belong together: the next start replaces it.
  replaceOwnFile(directory, KEY, made.key);
  replaceOwnFile(directory, CERT, made.cert);
}
function isFit(cert: Buffer, key: Buffer, hostname: string, now: number): boolean {
  try {
    createTlsContext({ cert, key, minVersion: 'TLSv1.2', clients: 'servers' });
    const certificate = new X509Certificate(cert);
    return certificate.checkHost(hostname) !== undefined && Date.parse(certificate.validTo) - now > RENEW_MS;
  } catch {
    return false;
  }
}
