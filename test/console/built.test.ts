/** The built console: its first load stays small, charts and pages are not part of it, nothing is inlined. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { startService } from '../journeys/harness.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FIRST_LOAD = 300 * 1024;
const dist = (file: string) => readFileSync(`${ROOT}console/dist/${file}`);

interface Chunk {
  readonly file: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
}
before(() => {
  const { status } = spawnSync(process.execPath, [`${ROOT}scripts/build-console.ts`, '--if-needed'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  assert.equal(status, 0);
});

test('the first load is at most 300 KiB of compressed JavaScript, without the charts', () => {
  const chunks = JSON.parse(dist('.vite/manifest.json').toString()) as Record<string, Chunk>;
  const wanted = new Set(Object.keys(chunks).filter((name) => chunks[name]!.isEntry));
  for (const name of wanted) for (const needed of chunks[name]!.imports ?? []) wanted.add(needed);
  const files = [...wanted].map((name) => chunks[name]!.file).filter((file) => file.endsWith('.js'));
  assert.ok(files.length > 0);
  const size = files.reduce((sum, file) => sum + gzipSync(dist(file)).length, 0);
  assert.ok(size <= FIRST_LOAD, `${size} octets in ${files.join(', ')}`);
  for (const file of files) assert.doesNotMatch(dist(file).toString(), /recharts/, file);
});

test('the index has no inline script, and only our own files', () => {
  const index = dist('index.html').toString();
  assert.doesNotMatch(index, /<script(?![^>]*\ssrc=)/);
  for (const [, url] of index.matchAll(/(?:src|href)="([^"]+)"/g)) assert.match(url!, /^\//);
});

test('it is served with a strict policy, a nonce of its own each time, and long caching of what is hashed', async () => {
  await using service = await startService();
  const base = `http://${service.ready.http}`;
  const [first, second] = [await fetch(`${base}/`), await fetch(`${base}/`)];
  const [policy, other] = [first, second].map((answer) => answer.headers.get('content-security-policy')!);
  assert.match(policy!, /default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[\w+/=]+'/);
  assert.match(policy!, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy!, /unsafe/);
  assert.notEqual(policy, other);
  const html = await first.text();
  assert.ok(html.includes(`content="${/nonce-([^']+)/.exec(policy!)![1]}"`));
  assert.equal(first.headers.get('cache-control'), 'no-store');
  assert.equal(first.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(first.headers.get('cross-origin-opener-policy'), 'same-origin');
  assert.equal(first.headers.get('access-control-allow-origin'), null);
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)![1]!;
  const asset = await fetch(`${base}${script}`);
  assert.equal(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  assert.equal(asset.headers.get('content-encoding'), 'gzip');
  assert.equal(await asset.text(), dist(script.slice(1)).toString());
  const plain = await fetch(`${base}${script}`, { headers: { 'accept-encoding': 'identity' } });
  assert.equal(plain.headers.get('content-encoding'), null);
  for (const path of ['/assets/../index.html', '/.vite/manifest.json', '/assets/none.js', '/index.html'])
    assert.equal((await fetch(`${base}${path}`)).status, 404, path);
});
