/**
 * Keeps nodes out of the cluster while a command changes what all of them rely on: it holds the locks of their
 * names (cluster.ts). Rejects with StoreLocked if a node is running. A node under a name that was never used
 * before can still join.
 */
import pg from 'pg';
import { StoreLocked } from '../store.ts';
import { connectConfig, openingError } from './connect.ts';

export async function keepNodesOut(url: string): Promise<AsyncDisposable> {
  const client = new pg.Client(connectConfig(url, 'command'));
  client.on('error', () => {});
  const end = () => client.end().catch(() => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string; locked: boolean }>(
      `SELECT name, pg_try_advisory_lock(hashtextextended('hikyaku node ' || name, 0)) AS locked
        FROM (SELECT DISTINCT name FROM node) n`,
    );
    const running = rows.filter(({ locked }) => !locked).map(({ name }) => name);
    if (running.length > 0)
      throw new StoreLocked('the database', `: stop these nodes first: ${running.join(', ')}`);
    return { [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error instanceof StoreLocked ? error : openingError(url, error);
  }
}
