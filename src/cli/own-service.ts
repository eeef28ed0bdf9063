/**
 * What the commands learn from the running service of this configuration: where it listens, and its public URL. The
 * configuration decides the URL; only if it asks for a free port, the running service must be asked.
 */
import type { Config } from '../config/config.ts';
import { askService } from './control-client.ts';

/** Time limit for the answer of the running service. */
export const ASK_MS = 5_000;

export interface OwnService {
  /** As `host:port`; empty if no service runs, or if it does not answer. */
  readonly addresses: ReadonlySet<string>;
  /** null if no service runs, or if it is of an earlier version. */
  readonly publicUrl: string | null;
}
export async function ownService(config: Pick<Config, 'dataDir'>): Promise<OwnService> {
  try {
    const answer = await askService({
      directory: config.dataDir,
      path: '/addresses',
      request: {},
      ended: 'the service stopped before it answered',
      signal: AbortSignal.timeout(ASK_MS),
      report: () => {},
    });
    if (answer?.status !== 200) return { addresses: new Set(), publicUrl: null };
    const { addresses, public_url: url } = answer.json as { addresses: string[]; public_url?: string };
    return { addresses: new Set(addresses), publicUrl: url ?? null };
  } catch {
    return { addresses: new Set(), publicUrl: null };
  }
}

/** Whether only the running service knows the URL. */
export const isUrlOpen = ({ publicUrlGiven, httpListen }: Config): boolean =>
  !publicUrlGiven && httpListen.port === 0;
export const OPEN_URL =
  'HIKYAKU_HTTP_LISTEN asks for a free port, and no service runs here that knows its port: set HIKYAKU_PUBLIC_URL, or put the port of the service in place of 0 in the URLs';

/** What the URLs that a command prints begin with. `warn` is told if they cannot be right. */
export async function publicUrlOf(
  config: Config,
  warn: (text: string) => void = (text) => process.stderr.write(`${text}\n`),
): Promise<string> {
  if (!isUrlOpen(config)) return config.publicUrl;
  const { publicUrl } = await ownService(config);
  if (publicUrl === null) warn(OPEN_URL);
  return publicUrl ?? config.publicUrl;
}
