/** Why a node should get no new mail. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createReadiness } from './readiness.ts';
import { StoreError } from './transactor.ts';

test('a node says why it takes no mail: its state, the disk, a refused write until one succeeds or half a minute has passed', async () => {
  const clock = createFakeClock();
  const disk = { hasSpace: true, fails: false };
  const ready = createReadiness('starting', () => disk.hasSpace, clock);
  const transact = ready.watched<null>({
    async transact() {
      if (disk.fails) throw new StoreError('full', true);
    },
  });
  const write = () => transact('project' as never, () => {});
  assert.equal(ready.reason(), 'starting');
  ready.state = null;
  assert.equal(ready.reason(), null);
  disk.hasSpace = false;
  assert.match(ready.reason() ?? '', /nearly full/);
  disk.hasSpace = true;
  assert.equal(ready.reason(), null);
  disk.fails = true;
  await assert.rejects(write(), /full/);
  assert.match(ready.reason() ?? '', /refused a write/);
  disk.fails = false;
  await write();
  assert.equal(ready.reason(), null);
  disk.fails = true;
  await assert.rejects(write(), /full/);
  await clock.advance(30_000);
  assert.equal(ready.reason(), null);
});
