/**
 * `node test/crash/trace.ts`: 1,000 accepts under strace. Checks, system call by system call, that each `250 2.0.0
 * accepted <id>` was written only after an fdatasync of the store's log that began after the write holding that id.
 * Ends with: accepts N, after-sync N, violations N.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import {
  bootstrap,
  environment,
  eventually,
  portOf,
  startService,
  temporaryDirectory,
} from '../journeys/harness.ts';
import { openSmtp } from '../journeys/raw-smtp.ts';

const ACCEPTS = 1000;
const directory = temporaryDirectory();
const settings = { HIKYAKU_LIMIT_PER_MINUTE: '0', HIKYAKU_LIMIT_PER_DAY: '0' };
const who = await bootstrap(environment(directory, settings), 'sender.test');
const service = await startService(
  {
    ...settings,
    HIKYAKU_ROUTES: '*=smtp://127.0.0.1:1',
    HIKYAKU_TRUSTED_NETWORKS: `127.0.0.0/8=${who.api_client_id}`,
  },
  directory,
  true,
);
const log = join(directory, 'strace.log');
const strace = spawn(
  'strace',
  [
    '-f',
    '-ttt',
    '-s',
    '200000',
    '-xx',
    '-e',
    'trace=write,writev,pwrite64,fsync,fdatasync',
    '-o',
    log,
    '-p',
    String(service.child.pid),
  ],
  { stdio: 'ignore' },
);
await delay(1500);
const ids: string[] = [];
let left = ACCEPTS;
await Promise.all(
  Array.from({ length: 10 }, async () => {
    await using client = await openSmtp(`127.0.0.1:${portOf(service.ready.submission)}`);
    while (left-- > 0) {
      await client.command('MAIL FROM:<a@sender.test>');
      await client.command('RCPT TO:<b@out.test>');
      const answer = await client.data(Buffer.from('From: <a@sender.test>\r\nSubject: t\r\n\r\nbody\r\n'));
      const id = /^250 2\.0\.0 accepted (\S+)/.exec(answer)?.[1];
      if (id === undefined) throw new Error(answer);
      ids.push(id);
    }
  }),
);
await eventually('strace has written', async () => ids.length === ACCEPTS);
await service[Symbol.asyncDispose]();
await Promise.race([once(strace, 'exit'), delay(5000)]);

/** Octets of strace's hexadecimal strings as latin1 text. */
const decode = (text: string) =>
  text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
const open = new Set(ids);
const written = new Map<string, number>();
const begun = new Map<string, number>();
/** Begin of the latest sync that has ended. */
const syncs: { from: number; to: number }[] = [];
let order = 0;
let afterSync = 0;
const violations: string[] = [];
for await (const line of createInterface({ input: createReadStream(log) })) {
  order += 1;
  const thread = line.split(' ', 1)[0]!;
  if (/(fdatasync|fsync)\(/.test(line)) {
    if (line.includes('<unfinished')) begun.set(thread, order);
    else syncs.push({ from: order, to: order });
  } else if (/<\.\.\. (fdatasync|fsync) resumed>/.test(line)) {
    syncs.push({ from: begun.get(thread) ?? order, to: order });
    begun.delete(thread);
  }
  const call = /(pwrite64|write|writev)\(/.exec(line)?.[1];
  if (call === undefined) continue;
  const text = decode(line);
  if (call === 'pwrite64') {
    for (const [id] of text.matchAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g))
      if (open.has(id) && !written.has(id)) written.set(id, order);
    continue;
  }
  for (const [, id] of text.matchAll(/250 2\.0\.0 accepted ([0-9a-f-]{36})/g)) {
    const at = written.get(id!);
    const good = at !== undefined && syncs.some(({ from, to }) => from > at && to < order);
    if (good) afterSync += 1;
    else violations.push(`${id}: ${at === undefined ? 'not written before' : 'no sync between'}`);
  }
}
rmSync(directory, { recursive: true, force: true });
for (const violation of violations.slice(0, 10)) process.stderr.write(`${violation}\n`);
process.stdout.write(`accepts ${ids.length} after-sync ${afterSync} violations ${violations.length}\n`);
process.exitCode = afterSync === ACCEPTS && violations.length === 0 ? 0 : 1;
