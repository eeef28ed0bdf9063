import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createNotices } from './notices.ts';

function setUp() {
  const clock = createFakeClock();
  const lines: Record<string, unknown>[] = [];
  const info = (fields: object, msg: string) => void lines.push({ ...fields, msg });
  return { clock, lines, notices: createNotices(clock, { info }) };
}

test('ten lines a minute for each kind and network, then one with how many more there were', async () => {
  const { clock, lines, notices } = setUp();
  for (let i = 0; i < 40; i += 1) notices.tell('auth-refused', `2001:db8::${i + 1}`, `s${i}`);
  notices.tell('relay-refused', '2001:db8::1', 's');
  notices.tell('auth-refused', '2001:db8:0:1::1', 's');
  assert.equal(lines.length, 12);
  assert.deepEqual(lines[0], {
    notice: 'auth-refused',
    peer: '2001:db8::1',
    network: '2001:db8::/64',
    session: 's0',
    msg: 'authentication refused',
  });
  await clock.advance(60_000);
  assert.equal(lines.length, 13);
  assert.deepEqual([lines[12]!.more, lines[12]!.peer], [30, '2001:db8::40']);
  notices.tell('auth-refused', '2001:db8::1', 's');
  assert.equal(lines.length, 14, 'a new minute');
  await clock.advance(60_000);
  assert.deepEqual([lines.length, clock.pending], [14, 0]);
});

test('more networks than are remembered are told together', async () => {
  const { clock, lines, notices } = setUp();
  for (let i = 0; i < 10_100; i += 1) notices.tell('relay-refused', `10.${i >> 8}.${i & 255}.1`, 's');
  assert.equal(lines.length, 10_010);
  await clock.advance(60_000);
  assert.deepEqual([lines.at(-1)!.network, lines.at(-1)!.more], ['others', 90]);
});
