/** A file that could not be written whole is not there; of two that make it at once both have the same. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownFile } from './own-file.ts';

function directoryFor(t: { after(done: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-own-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('it is made once, for its owner alone, and nothing else is left', async (t) => {
  const directory = directoryFor(t);
  const made = await Promise.all([1, 2].map((n) => ownFile(directory, 'key', async () => `${n}`)));
  assert.deepEqual(made[0], made[1]);
  assert.deepEqual(await ownFile(directory, 'key', () => assert.fail('it is there')), made[0]);
  assert.deepEqual(readdirSync(directory), ['key']);
  assert.equal(statSync(join(directory, 'key')).mode & 0o777, 0o600);
});

test('what cannot be written is not there', async (t) => {
  const directory = directoryFor(t);
  await assert.rejects(
    ownFile(directory, 'key', () => {
      throw new Error('no');
    }),
  );
  await assert.rejects(ownFile(directory, 'key', () => 7 as never));
  assert.deepEqual(readdirSync(directory), []);
});
