/** Reads the state of the database and changes nothing. Fails: StoreTooNew, StoreError (openingError). */
import pg from 'pg';
import { OUR_VERSION } from '../migrations/postgres/index.ts';
import { type StoreLook, StoreTooNew } from '../store.ts';
import { connectConfig, endOn, openingError } from './connect.ts';
import { checkServer } from './migrate.ts';

/** Until `within` aborts; then rejects with its reason. */
export async function lookAtPostgres(url: string, within: AbortSignal): Promise<StoreLook> {
  within.throwIfAborted();
  const client = new pg.Client(connectConfig(url, 'doctor'));
  client.on('error', () => {});
  using _ = endOn(within, client, url);
  try {
    await client.connect();
    await checkServer(client);
    const { rows: there } = await client.query<{ meta: string | null }>(
      `SELECT to_regclass('meta')::text AS meta`,
    );
    if (there[0]!.meta === null) return { kind: 'empty' };
    const { rows } = await client.query<{ key: string; value: number }>('SELECT key, value FROM meta');
    const metaOf = (name: string) => rows.find(({ key }) => key === name)?.value ?? 0;
    if (metaOf('oldest_compatible') > OUR_VERSION)
      throw new StoreTooNew(metaOf('oldest_compatible'), OUR_VERSION);
    return {
      kind: 'there',
      version: metaOf('version'),
      ours: OUR_VERSION,
      moving: false,
      keyCheck: rows.find(({ key }) => key === 'key_check')?.value ?? null,
      replacement: rows.find(({ key }) => key === 'key_replacement')?.value ?? null,
      lookedThrough: false,
    };
  } catch (error) {
    within.throwIfAborted();
    throw error instanceof StoreTooNew ? error : openingError(url, error);
  } finally {
    if (!within.aborted) await client.end().catch(() => {});
  }
}
