/** Which files the service copies its store into when it is asked to: the very one that the command has made. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { unwatched } from '../runtime/report.ts';
import { answerCopy, identityOf } from './control-copy.ts';

function prepared(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'hikyaku-control-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const made = (name: string, text = '') => {
    writeFileSync(join(root, name), text);
    return join(root, name);
  };
  const copied: string[] = [];
  const store = {
    file: made('store', 'pages'),
    async copyInto(file: string) {
      copied.push(file);
    },
  };
  const ask = (body: { file: string; fileIdentity: string; storeIdentity: string }) =>
    answerCopy(body, store, { clock: systemClock, logger: silentLogger }, unwatched);
  return { root, made, copied, ask, storeIdentity: identityOf(store.file) };
}

test('the file that the command has made is written', async (t) => {
  const { made, copied, ask, storeIdentity } = prepared(t);
  const file = made('empty');
  assert.deepEqual(await ask({ file, fileIdentity: identityOf(file), storeIdentity }), {
    status: 200,
    json: {},
  });
  assert.deepEqual(copied, [file]);
});

test('another file of that name, one with something in it, a link, another store: nothing is written', async (t) => {
  const { root, made, copied, ask, storeIdentity } = prepared(t);
  const [file, other, full] = [made('empty'), made('other'), made('full', 'mine')];
  const link = join(root, 'link');
  symlinkSync(file, link);
  const refused: readonly [string, string, string, RegExp][] = [
    [file, identityOf(other), storeIdentity, /another file/],
    [full, identityOf(full), storeIdentity, /another file/],
    [link, identityOf(link), storeIdentity, /another file/],
    [join(root, 'missing'), identityOf(file), storeIdentity, /may not write there \(ENOENT\)/],
    [file, identityOf(file), identityOf(other), /another store/],
  ];
  for (const [path, fileIdentity, store, says] of refused) {
    const { status, json } = await ask({ file: path, fileIdentity, storeIdentity: store });
    assert.equal(status, 409);
    assert.match((json as { detail: string }).detail, says);
  }
  assert.deepEqual(copied, []);
});
