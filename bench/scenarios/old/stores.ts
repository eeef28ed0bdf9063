/**
 * Stores of two months, filled once into a directory that is kept, and copied for each run: a run changes its copy only.
 * A filling that broke off is begun anew.
 */

import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { loadConfig } from '../../../src/config/config.ts';
import { newTopic } from '../../../src/edj/new-topic.ts';
import type { DomainId, ProjectId, TopicId } from '../../../src/runtime/ids.ts';
import { silentLogger } from '../../../src/runtime/logger.ts';
import { openStore } from '../../../src/stores.ts';
import { startPostgres } from '../../../src/testing/postgres.ts';
import {
  type Bootstrapped,
  bootstrap,
  environment,
  temporaryDirectory,
} from '../../../test/journeys/harness.ts';
import { fillOld, hookOf, type OldStore, type Place } from './fill-old.ts';

const SETTINGS = { HIKYAKU_LIMIT_PER_MINUTE: '0', HIKYAKU_LIMIT_PER_DAY: '0' };
const ANSWERED = `UPDATE subscriber_delivery SET state = 'done', attempts = 1, next_attempt_at = NULL,
  last_result = '{"status":204,"answer":"","at":0}'`;
/** What waits is due as if the store had been filled now: a store may be kept for days. */
const waitsAnew = (
  now: number,
) => `UPDATE recipient SET next_attempt_at = next_attempt_at + ${now + 3_600_000}
  - (SELECT min(next_attempt_at) FROM recipient WHERE next_attempt_at IS NOT NULL) WHERE next_attempt_at IS NOT NULL`;
const STORE_FILE = 'hikyaku.sqlite';

/** A copy of a store, for one run. */
export interface OldRun extends AsyncDisposable {
  readonly directory: string;
  readonly who: Bootstrapped;
  readonly settings: Record<string, string>;
  /** Octets of the store. */
  size(): Promise<number>;
  /** Of the embedded store; null on PostgreSQL. */
  readonly file: string | null;
  /** A session beside the service's own; null on the embedded store. */
  readonly url: string | null;
}
/** Gives copies of the store of a shape; the first asking fills it. */
export interface OldStores extends AsyncDisposable {
  copy(shape: OldStore): Promise<OldRun>;
}

export async function oldStores(engine: 'sqlite' | 'postgres', root: string): Promise<OldStores> {
  mkdirSync(root, { recursive: true });
  return engine === 'sqlite' ? embedded(root) : onPostgres(root);
}

function embedded(root: string): OldStores {
  return {
    async copy(shape) {
      const kept = join(root, nameOf('sqlite', shape));
      const settings = { ...SETTINGS };
      const who = await filledOnce(kept, settings, shape, () => {
        const db = new DatabaseSync(join(kept, STORE_FILE));
        db.exec(`PRAGMA synchronous = OFF; ${ANSWERED}; PRAGMA wal_checkpoint(TRUNCATE)`);
        db.close();
      });
      const directory = temporaryDirectory();
      cpSync(realpathSync(kept), directory, { recursive: true });
      const file = join(directory, STORE_FILE);
      const db = new DatabaseSync(file);
      db.exec(`PRAGMA synchronous = OFF; ${waitsAnew(Date.now())}; PRAGMA wal_checkpoint(TRUNCATE)`);
      db.close();
      return {
        directory,
        who,
        settings,
        file,
        url: null,
        size: async () => statSync(file).size,
        async [Symbol.asyncDispose]() {
          rmSync(directory, { recursive: true, force: true });
        },
      };
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function onPostgres(root: string): Promise<OldStores> {
  const server = await startPostgres({}, join(root, 'postgres'));
  const urlOf = (name: string) => `postgres://postgres@127.0.0.1:${server.port}/${name}`;
  const settingsOf = (name: string) => ({
    ...SETTINGS,
    HIKYAKU_STORE: urlOf(name),
    HIKYAKU_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
  });
  return {
    async copy(shape) {
      const name = nameOf('postgres', shape);
      const kept = join(root, name);
      if (!existsSync(join(kept, WHO))) {
        await server.query(`DROP DATABASE IF EXISTS ${name}`);
        await server.query(`CREATE DATABASE ${name}`);
      }
      const who = await filledOnce(kept, settingsOf(name), shape, async () => {
        await query(urlOf(name), ANSWERED);
        await query(urlOf(name), 'VACUUM subscriber_delivery');
        // What waits was a command's, which is nobody's: it is left to the first node, as an import leaves it.
        await query(
          urlOf(name),
          "INSERT INTO node (id, name, holder, beat, started_at) VALUES ('', 'fill', '', -1, 0)",
        );
      });
      const run = 'run';
      await server.query(`DROP DATABASE IF EXISTS ${run}`); // of a run that was broken off
      await server.query(`CREATE DATABASE ${run} TEMPLATE ${name} STRATEGY FILE_COPY`);
      await query(urlOf(run), waitsAnew(Date.now()));
      await query(urlOf(run), 'VACUUM recipient');
      await server.query('CHECKPOINT');
      const directory = temporaryDirectory();
      return {
        directory,
        who,
        settings: settingsOf(run),
        file: null,
        url: urlOf(run),
        async size() {
          const [row] = await query(urlOf(run), 'SELECT pg_database_size(current_database()) AS size');
          return Number(row!['size']);
        },
        async [Symbol.asyncDispose]() {
          await server.query(`DROP DATABASE ${run} WITH (FORCE)`);
          rmSync(directory, { recursive: true, force: true });
        },
      };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Rows of one statement, by a session of its own. */
export async function query(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const nameOf = (engine: string, { messages, keptDays }: OldStore) => `${engine}_${messages}_${keptDays}`;
/** Written last, so a store without it is not whole. */
const WHO = 'who.json';
async function filledOnce(
  directory: string,
  settings: Record<string, string>,
  shape: OldStore,
  then: () => void | Promise<void>,
): Promise<Bootstrapped> {
  const known = join(directory, WHO);
  if (existsSync(known)) return JSON.parse(readFileSync(known, 'utf8')) as Bootstrapped;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  const env = environment(directory, settings);
  const who = await bootstrap(env, 'sender.test');
  const began = performance.now();
  {
    await using store = await openStore(loadConfig(env), silentLogger, true);
    const place = placeOf(who);
    await store.transact(place.projectId, (tx) => tx.insertSubscriber(hookOf(place)));
    let told = 0;
    await fillOld(store, place, shape, Date.now(), (done) => {
      if (done - told < 100_000) return;
      told = done;
      process.stderr.write(`${done} of ${shape.messages} after ${seconds(began)} s\n`);
    });
  }
  await then();
  process.stderr.write(`filled in ${seconds(began)} s\n`);
  writeFileSync(known, JSON.stringify(who));
  return who;
}
const seconds = (since: number) => Math.round((performance.now() - since) / 1000);
function placeOf(who: Bootstrapped): Place {
  const projectId = who.project_id as ProjectId;
  return {
    projectId,
    topic: newTopic(who.topic_id as TopicId, projectId, 'default', 0),
    domainId: who.domain_id as DomainId,
  };
}
