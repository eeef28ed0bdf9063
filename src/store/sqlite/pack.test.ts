/** What is stored packed comes back as it was, whatever it looks like; what is not whole is told. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import * as make from '../conformance/samples.ts';
import { BODY_PART } from '../rows/spool.ts';
import { openSqliteStore } from './open.ts';
import { pack, partSize, unpack } from './pack.ts';

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-pack-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
const open = (directory: string) =>
  openSqliteStore({ directory, clock: systemClock, random: createRandom(), logger: silentLogger });

const SIZES = [0, 1, 1023, 1024, 1025, 40_000, BODY_PART - 1, BODY_PART, BODY_PART + 1, 3 * BODY_PART];
const text = (size: number) => Buffer.alloc(size, 'the courier runs through rain and night\r\n');
const CONTENTS = [
  ['text', text],
  ['noise', randomBytes],
  // a mail may be what another one is stored as
  ['zstd', (size: number) => Buffer.concat([zstdCompressSync(text(size)), text(size)]).subarray(0, size)],
] as const;

test('octets of every size and kind come back, from the store too, by their place as well', async (t) => {
  const directory = directoryFor(t);
  await using store = await open(directory);
  const p = await make.withProject(store);
  for (const [name, contentOf] of CONTENTS)
    for (const size of SIZES) {
      const raw = contentOf(size);
      const first = raw.subarray(0, BODY_PART);
      assert.deepEqual(unpack(Buffer.from(pack(first)), partSize(size, 0)), first, `${name} ${size}`);
      const message = make.message(p, { raw });
      await store.transact(p.id, (tx) => tx.insertMessage(message));
      assert.deepEqual((await store.read.message(p.id, message.id))?.raw, raw, `${name} ${size}`);
      for (const [start, end] of [
        [0, 10],
        [size - 5, size + 5],
        [BODY_PART - 1, BODY_PART + 1],
      ] as const)
        if (start >= 0)
          assert.deepEqual(
            await store.read.octets(p.id, message.id, start, end),
            raw.subarray(start, end),
            `${name} ${size} from ${start}`,
          );
    }
});

test('text gets smaller; what does not, is stored as it is', () => {
  assert.ok(pack(text(2_750)).length < 2_750 / 2);
  const noise = randomBytes(2_750);
  assert.equal(pack(noise), noise);
});

test('octets that are not whole are no shorter message: it is skipped as unreadable', async (t) => {
  const directory = directoryFor(t);
  await using store = await open(directory);
  const p = await make.withProject(store);
  const cuts = [
    'substr(data, 1, length(data) - 1)',
    "CAST(data || x'00' AS BLOB)",
    'zeroblob(length(data))',
    "x''",
  ];
  for (const raw of [text(2_750), randomBytes(2_750), text(100)])
    for (const cut of cuts) {
      const isPacked = pack(raw).length < raw.length;
      // What is not packed is whole by its length. What is packed ends by itself.
      if (isPacked ? cut.startsWith('CAST') : cut.startsWith('zeroblob')) continue;
      const message = make.message(p, { raw });
      await store.transact(p.id, (tx) => tx.insertMessage(message));
      const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'), { timeout: 5000 });
      db.exec(`UPDATE message SET data = ${cut} WHERE nr = (SELECT max(nr) FROM message)`);
      db.close();
      await assert.rejects(store.read.message(p.id, message.id), { name: 'StoreError' }, cut);
      await assert.rejects(store.read.octets(p.id, message.id, 0, 10), { name: 'StoreError' }, cut);
    }
});
