/** How quickly mail is accepted beside what else goes on: each part an act that lasts as long as it takes. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { environment, hikyaku, portOf } from '../../../test/journeys/harness.ts';
import { authorization } from '../../../test/journeys/journey.ts';
import type { Target } from './load.ts';
import type { OldRun } from './stores.ts';

const HELD_MS = 30_000;

/** A DNS server that knows no name. */
export interface EmptyDns extends AsyncDisposable {
  readonly address: string;
  /** Questions so far. */
  readonly asked: number;
  /** Resolves when questions have come and then none for two seconds. */
  quiet(): Promise<void>;
}
export async function startEmptyDns(): Promise<EmptyDns> {
  const state = { asked: 0, last: Number.POSITIVE_INFINITY };
  const socket = createSocket('udp4');
  socket.on('message', (packet, peer) => {
    state.asked += 1;
    state.last = performance.now();
    // The question itself, as an answer (QR) by a server that recurses (RA): NXDOMAIN.
    packet[2]! |= 0x80;
    packet[3] = 0x83;
    socket.send(packet, peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    get asked() {
      return state.asked;
    },
    async quiet() {
      while (performance.now() - state.last < 2000 || state.asked === 0) await delay(100);
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** `hikyaku backup`, or a dump of the database, to its end. */
export async function backUp({ directory, settings, url }: OldRun): Promise<void> {
  if (url === null) {
    const to = join(directory, 'backup');
    const { status, stderr } = await hikyaku(['backup', to], environment(directory, settings));
    rmSync(to, { recursive: true, force: true });
    if (status !== 0) throw new Error(`backup: ${stderr}`);
    return;
  }
  await dump(url);
}
/** What pg_dump makes the server do: every row of every table, as of one moment. Its own version need not be there. */
async function dump(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await client.query(
    "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
  );
  for (const { name } of rows) await client.query(`COPY ${name} TO PROGRAM 'cat > /dev/null'`);
  await client.end();
}

/** Clients that ask for large lists and the whole project, and read a kilobyte ten times a second. */
export async function slowClients({ service, who }: Target): Promise<void> {
  const paths = [
    `/edj/v1/topics/${who.topic_id}/events?limit=500&full=true`,
    '/mta/v1/messages?limit=500',
    '/mta/v1/queues/recipients?limit=500',
    `/iam/v1/projects/${who.project_id}/export`,
  ];
  const sockets = paths.flatMap((path) =>
    Array.from({ length: 3 }, () => {
      const socket = connect({ port: portOf(service.ready.http), host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization(who)}\r\n\r\n`);
      return { socket, timer: readSlowly(socket) };
    }),
  );
  await delay(HELD_MS);
  for (const { socket, timer } of sockets) {
    clearInterval(timer);
    socket.destroy();
  }
}
function readSlowly(socket: Socket): NodeJS.Timeout {
  socket.pause();
  return setInterval(() => void socket.read(1024), 100);
}

/** Another program that sees the store as it was, and does not let go of it. */
export async function heldSnapshot({ file, url }: OldRun): Promise<void> {
  if (file !== null) {
    const db = new DatabaseSync(file, { readOnly: true });
    db.exec('BEGIN; SELECT count(*) FROM project');
    await delay(HELD_MS);
    db.close();
    return;
  }
  const client = new pg.Client({ connectionString: url! });
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await client.query('SELECT count(*) FROM project');
  await delay(HELD_MS);
  await client.end();
}
