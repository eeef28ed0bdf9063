/**
 * The certificate of this host: the files that the environment names, re-read when they change, or a
 * self-signed certificate that is made at first start. If a changed pair is unusable, the service logs it and
 * keeps the current pair.
 */
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SecureContext, SecureVersion } from 'node:tls';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { ownFile } from './own-file.ts';
import { createTlsContext, makeSelfSigned } from './tls.ts';

export interface CertificateFiles {
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly dataDir: string;
  readonly hostname: string;
}
export interface Certificate {
  /** The context for listeners with this lowest TLS version; re-read when the files change. */
  contextFor(minVersion: SecureVersion): () => SecureContext;
}
/** If the files are unusable, throws an error that names the variables. */
export async function openCertificate(
  config: CertificateFiles,
  clock: Clock,
  logger: Logger,
): Promise<Certificate> {
  const paths = config.tls ?? {
    cert: join(config.dataDir, 'self-signed.cert.pem'),
    key: join(config.dataDir, 'self-signed.key.pem'),
  };
  if (config.tls === null && !existsSync(paths.key)) {
    const made = await makeSelfSigned(config.hostname, clock.now());
    await ownFile(config.dataDir, 'self-signed.cert.pem', () => made.cert);
    await ownFile(config.dataDir, 'self-signed.key.pem', () => made.key);
    chmodSync(paths.key, 0o600);
  }
  const read = () => {
    try {
      const pair = { cert: readFileSync(paths.cert), key: readFileSync(paths.key) };
      createTlsContext({ ...pair, minVersion: 'TLSv1.2' });
      return pair;
    } catch (error) {
      throw new Error(`HIKYAKU_TLS_CERT or HIKYAKU_TLS_KEY cannot be used: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
  const stamp = () => `${statSync(paths.cert).mtimeMs} ${statSync(paths.key).mtimeMs}`;
  const first = read();
  return {
    contextFor(minVersion) {
      const current = {
        stamp: stamp(),
        checkedAt: clock.monotonic(),
        context: createTlsContext({ ...first, minVersion }),
      };
      return () => {
        const now = clock.monotonic();
        if (now - current.checkedAt > 1000) {
          current.checkedAt = now;
          try {
            const seen = stamp();
            if (seen !== current.stamp) {
              current.context = createTlsContext({ ...read(), minVersion });
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
