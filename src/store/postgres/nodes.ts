/**
 * Keeps nodes out of the cluster while a command changes what all of them rely on: it holds the locks of their
 * names (cluster.ts), and one lock that keeps a second such command out. Rejects with StoreLocked if a node or
 * such a command is running, and with the signal's reason. A node under a name that was never used before can still join.
 */
import pg from 'pg';
import { StoreLocked } from '../store.ts';
import { connectConfig, endOn, openingError } from './connect.ts';

export async function keepNodesOut(url: string, signal: AbortSignal): Promise<AsyncDisposable> {
  signal.throwIfAborted();
  const client = new pg.Client(connectConfig(url, 'command'));
  client.on('error', () => {});
  const end = () => client.end().catch(() => {});
  using _ = endOn(signal, client, url);
  try {
    await client.connect();
    const { rows: alone } = await client.query<{ locked: boolean }>(
      `SELECT pg_try_advisory_lock(hashtextextended('hikyaku command alone', 0)) AS locked`,
    );
    if (!alone[0]!.locked)
      throw new StoreLocked(
        'the database',
        ': another `hikyaku secret-key replace` is running; wait until it is done',
      );
    const { rows } = await client.query<{ name: string; locked: boolean }>(
      `SELECT name, pg_try_advisory_lock(hashtextextended('hikyaku node ' || name, 0)) AS locked
        FROM (SELECT DISTINCT name FROM node) n`,
    );
    const running = rows.filter(({ locked }) => !locked).map(({ name }) => name);
    if (running.length > 0)
      throw new StoreLocked('the database', `: stop these nodes first: ${running.join(', ')}`);
    return { [Symbol.asyncDispose]: end };
  } catch (error) {
    signal.throwIfAborted();
    await end();
    throw error instanceof StoreLocked ? error : openingError(url, error);
  }
}
