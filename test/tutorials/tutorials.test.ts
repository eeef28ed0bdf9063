/** Every tutorial is run, command for command, against a new instance. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { namedProgram, startBind } from '../../src/testing/bind.ts';
import { freePort } from '../../src/testing/free-port.ts';
import {
  environment,
  eventually,
  has,
  portOf,
  startService,
  temporaryDirectory,
} from '../journeys/harness.ts';
import { startRegistry } from './registry.ts';
import {
  type Block,
  blocksOf,
  PAGES,
  prepareDirectory,
  type Run,
  runBlocks,
  wrongOutput,
} from './tutorial.ts';

const START = 'npm ci && npm start\n';

interface Asked {
  readonly page: string;
  /** Programs that the page needs. */
  readonly needs?: readonly string[];
  readonly service?: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly instead?: Record<string, string>;
}
/** Runs "Before you begin" and then the page. */
async function follow({ page, service: settings = {}, env = {}, instead = {} }: Asked): Promise<Run> {
  const directory = temporaryDirectory();
  await using service = await startService(settings);
  prepareDirectory(directory, service.directory);
  // The sandbox is made at the first start; the page's first command finds it.
  await eventually('the welcome', async () => service.log.some((line) => line.startsWith('curl ')));
  const { ready } = service;
  const all = {
    'localhost:8025': `localhost:${portOf(ready.http)}`,
    'SMTP_PORT=2465': `SMTP_PORT=${portOf(ready.submissions)}`,
    'SMTP_PORT=2587': `SMTP_PORT=${portOf(ready.submission)}`,
    'port 2587': `port ${portOf(ready.submission)}`,
    'localhost:2525': `localhost:${portOf(ready.mx)}`,
    ...instead,
  };
  const blocks: Block[] = [...blocksOf('README.md'), ...blocksOf(page)];
  const run = await runBlocks(blocks, {
    directory,
    instead: all,
    env: {
      ...environment(service.directory, service.env),
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
      HOME: directory,
      ...env,
    },
  });
  assert.equal(run.status, 0, `${page}:\n${run.printed.join('\n')}\n${run.errors}`);
  assert.equal(wrongOutput(blocks, run.printed, all), null);
  rmSync(directory, { recursive: true, force: true });
  return run;
}
async function missing(needs: readonly string[]): Promise<string | null> {
  for (const program of needs) if (!(await has(program))) return `${program} is not installed`;
  return null;
}

test('both languages have the same pages, with the same commands, programs and output', () => {
  const pages = readdirSync(PAGES);
  const english = pages.filter((page) => !page.endsWith('.ja.md')).sort();
  assert.deepEqual(
    pages.filter((page) => page.endsWith('.ja.md')).sort(),
    english.map((page) => page.replace(/\.md$/, '.ja.md')),
  );
  // A comment in a block may be in the language of its page.
  const bare = (page: string) =>
    blocksOf(page).map((block) => ({ ...block, text: block.text.replace(/(^|\s)(#|\/\/) .*$/gm, '') }));
  for (const page of english) assert.deepEqual(bare(page.replace(/\.md$/, '.ja.md')), bare(page), page);
});

test('the tutorials start the service as the README does', () => {
  const starts = blocksOf('README.md').filter(({ kind }) => kind === 'start');
  assert.deepEqual(
    starts.map(({ text }) => text),
    [START],
  );
});

test('send from Node.js', async () => {
  await using registry = await startRegistry(['nodemailer']);
  await follow({ page: 'send-nodejs.md', env: { npm_config_registry: registry.url } });
});

test('send from Go', async (t) => {
  const without = await missing(['go']);
  if (without !== null) return t.skip(without);
  await follow({ page: 'send-go.md', env: { GO111MODULE: 'off', GOFLAGS: '' } });
});

test('set up a mail client', async (t) => {
  const without = await missing(['msmtp']);
  if (without !== null) return t.skip(without);
  await follow({ page: 'mail-client.md' });
});

test('receive mail into a hook', async (t) => {
  const without = await missing(['curl']);
  if (without !== null) return t.skip(without);
  const port = String(await freePort());
  await follow({
    page: 'receive-hook.md',
    instead: { 'listen(3000': `listen(${port}`, '127.0.0.1:3000': `127.0.0.1:${port}` },
  });
});

test('set DNS automatically', async (t) => {
  const named = namedProgram();
  if (named === null) return t.skip('named is not installed');
  const without = await missing(['nsupdate']);
  if (without !== null) return t.skip(without);
  const key = {
    name: 'hikyaku.shop.example',
    algorithm: 'hmac-sha256',
    secret: randomBytes(32).toString('base64'),
  };
  // Absences are kept for an hour: the reader looked before he set the records.
  await using bind = await startBind(named, { 'shop.example': [] }, [key], [], null, 3600);
  await follow({
    page: 'automatic-dns.md',
    // The name server of this page is on this machine, not at a public address.
    service: { HIKYAKU_DNS_SERVERS: `127.0.0.1:${bind.port}`, HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true' },
    instead: {
      '192.0.2.53': '127.0.0.1',
      'DNS_PORT=53': `DNS_PORT=${bind.port}`,
      YOUR_TSIG_SECRET: key.secret,
    },
  });
  assert.deepEqual(
    (await bind.transfer('shop.example')).filter((line) => !line.includes('hikyaku')),
    [],
    'only the proof of ownership is left',
  );
});
