/**
 * A separate connection that is made when it is needed and again after it broke. It runs queries one after
 * the other. If the connection fails, the query rejects at once; the next query connects again. Time limits:
 * 3 s each.
 */
import pg from 'pg';

export interface LazyConnection {
  query<R extends pg.QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<R[]>;
  /**
   * The last statements, before `close`. Other queries that still wait reject. These do not wait for a
   * standby: if they are lost with the server, the row of a dead member says the same. Never rejects.
   */
  farewell(statements: readonly (readonly [sql: string, params: readonly unknown[]])[]): Promise<void>;
  close(): Promise<void>;
}
const LIMIT_MS = 3000;

/**
 * `connected` runs first on every new connection; if it rejects, the query that needed the connection
 * rejects, too.
 */
export function createLazyConnection(
  url: string,
  connected: (query: LazyConnection['query']) => Promise<void> = async () => {},
): LazyConnection {
  let current: Promise<pg.Client> | null = null;
  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: LIMIT_MS,
      statement_timeout: LIMIT_MS,
      query_timeout: LIMIT_MS + 500,
      keepAlive: true,
      application_name: 'hikyaku cluster',
    });
    client.on('error', () => drop(client));
    await client.connect();
    try {
      await connected(async (sql, params = []) => (await client.query(sql, [...params])).rows);
    } catch (error) {
      drop(client);
      throw error;
    }
    return client;
  }
  function drop(client: pg.Client): void {
    current = null;
    void client.end().catch(() => {});
  }
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work, work);
    last = mine.catch(() => {});
    return mine;
  }
  async function run<R>(sql: string, params: readonly unknown[]): Promise<R[]> {
    current ??= connect();
    const mine = current;
    let client: pg.Client;
    try {
      client = await mine;
    } catch (error) {
      if (current === mine) current = null;
      throw error;
    }
    try {
      return (await client.query(sql, [...params])).rows as never;
    } catch (error) {
      // With a SQLSTATE, the server works and refused the statement; without one, the connection is useless.
      if (!/^[0-9A-Z]{5}$/.test(String((error as { code?: unknown }).code))) drop(client);
      throw error;
    }
  }
  let leaving = false;
  return {
    query: (sql, params = []) =>
      inTurn(() => (leaving ? Promise.reject(new Error('the connection is closing')) : run(sql, params))),
    async farewell(statements) {
      leaving = true;
      await inTurn(async () => {
        await run('SET synchronous_commit TO local', []);
        for (const [sql, params] of statements) await run(sql, params);
      }).catch(() => {});
    },
    async close() {
      const client = await current?.catch(() => null);
      current = null;
      await client?.end().catch(() => {});
    },
  };
}
