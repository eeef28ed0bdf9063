/** What a killed process has left of a file is taken away by the next that makes it; nothing else is. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { partialOf } from './partial.ts';

test('files of processes that are gone go; those of the living, and other files, stay', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-partial-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [gone, living] = [0, 1].map(() => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']));
  t.after(() => living!.kill('SIGKILL'));
  gone!.kill('SIGKILL');
  await once(gone!, 'exit');
  const stays = [`b.partial-${living!.pid}`, `other.partial-${gone!.pid}`, 'b.partial-x', 'b'];
  for (const name of [...stays, `b.partial-${gone!.pid}`, `b.partial-${gone!.pid}-journal`])
    writeFileSync(join(directory, name), '');
  assert.equal(partialOf(join(directory, 'b')), join(directory, `b.partial-${process.pid}`));
  assert.deepEqual(readdirSync(directory).sort(), stays.sort());
});
