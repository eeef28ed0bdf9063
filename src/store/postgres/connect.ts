/**
 * Makes connections and converts values. Invariants: none of our messages contains the password; int8 is a
 * number; every lookup uses an index, whatever the statistics say, because a plan is kept for the life of the
 * session and tables grow under it. Fails with StoreError, which says what is wrong and what would help.
 */
import pg from 'pg';
import { StoreError } from '../../runtime/transactor.ts';
import { stateOf } from './errors.ts';

const PLANS = '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off';
const INT8 = 20;

const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    // pg reads binary values as text first, which breaks every octet above 127.
    if (format === 'binary') throw new TypeError('nothing is asked for in binary');
    if (oid === INT8) return Number;
    return pg.types.getTypeParser(oid, 'text') as never;
  },
};

/** `role` appears in pg_stat_activity. Throws StoreError if the text is not a URL. */
export function connectConfig(url: string, role: string): pg.ClientConfig {
  try {
    const { protocol } = new URL(url);
    if (protocol !== 'postgres:' && protocol !== 'postgresql:') throw new TypeError(protocol);
  } catch {
    // The cause would contain the URL with the password.
    throw new StoreError(
      'postgres: HIKYAKU_STORE must have the form postgres://user:password@host/database',
      false,
    );
  }
  return {
    connectionString: url,
    application_name: `hikyaku ${role}`,
    connectionTimeoutMillis: 1500,
    keepAlive: true,
    types,
    options: PLANS,
  };
}
/** user@host:port/database, for messages. */
function placeOf(url: string): string {
  const { username, host, pathname } = new URL(url);
  return `${username === '' ? '' : `${username}@`}${host}${pathname}`;
}
/** Why the store could not be opened, in words. */
export function openingError(url: string, error: unknown): Error {
  if (error instanceof StoreError) return error;
  const place = placeOf(url);
  const say = (text: string, retryable = false) => new StoreError(`postgres: ${text}`, retryable, error);
  const message = error instanceof Error && error.message !== '' ? error.message : String(error);
  switch (stateOf(error)) {
    case '3D000':
      return say(`the database does not exist: ${place}; create it (CREATE DATABASE … ENCODING 'UTF8')`);
    case '28P01':
    case '28000':
      return say(`${place} refuses the user or the password`);
    case '42501':
      return say(
        `the user of ${place} lacks a privilege: ${message}; the user must own the database's schema and the tables in it`,
      );
    case '25006':
      return say(`${place} is a read-only replica: use the primary`);
    case '55P03':
      return say(
        `another session of ${place} holds a lock that the migration needs: find the session (SELECT pid, application_name, state, xact_start FROM pg_stat_activity WHERE xact_start IS NOT NULL), end it (SELECT pg_terminate_backend(pid)), and try again`,
        true,
      );
    case '53100':
      return say(
        `the disk of ${place} is full: make room there and try again; nothing is half done (${message})`,
        true,
      );
    case '53300':
      return say(`${place} has no connection left: ${message}`, true);
    case null: {
      const codes = error instanceof AggregateError ? error.errors : [error];
      const code = codes.map((one: { code?: unknown }) => one.code).find((one) => typeof one === 'string');
      return say(`${place} cannot be reached: ${typeof code === 'string' ? `${code} ` : ''}${message}`, true);
    }
    default:
      return say(`${place}: ${message}`);
  }
}
/** ms that cancelling a statement may take. */
const CANCEL_MS = 1500;
/**
 * Once the signal aborts, cancels the statement of the client and ends its connection: its pending queries reject, also
 * if the server hangs. By itself, the server notices only at the end of a statement that its client is gone, and keeps
 * its locks till then. Disposing ends the watch.
 */
export function endOn(signal: AbortSignal, client: pg.Client, url: string): Disposable {
  const end = () => {
    const { processID: session } = client as unknown as { processID: number | null };
    if (session === null) destroy(client);
    else void cancel(url, session).finally(() => destroy(client));
  };
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', end) };
}
/** Never rejects: if cancelling fails, the statement ends by itself. */
async function cancel(url: string, session: number): Promise<void> {
  const other = new pg.Client({ ...connectConfig(url, 'cancel'), query_timeout: CANCEL_MS });
  other.on('error', () => {});
  try {
    await other.connect();
    await other.query('SELECT pg_cancel_backend($1)', [session]);
  } catch {
    // the statement ends by itself
  } finally {
    destroy(other);
  }
}
/** Ends a connection at once; its pending queries reject. */
export function destroy(client: pg.Client): void {
  streamOf(client).destroy();
}
interface Stream {
  destroy(): void;
  cork(): void;
  uncork(): void;
}
/**
 * The underlying socket: pg has no public way to end a busy connection or to send many statements in one
 * write.
 */
export function streamOf(client: pg.Client): Stream {
  return (client as unknown as { connection: { stream: Stream } }).connection.stream;
}
