/** TSIG without a server: the signature covers the whole message, and a wrong answer is not accepted. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { CLASS, encodeMessage, encodeName, encodeRdata, lastRecordAt, OPCODE } from './dns-message.ts';
import { signMessage, type TsigKey, verifyAnswer } from './tsig.ts';

const KEY: TsigKey = { name: 'Key.Example', algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 5) };
const NOW = Date.UTC(2026, 0, 1);
const QUERY = encodeMessage(0x1234, OPCODE.QUERY, { name: 'example.com', type: 'SOA' });

/** Signs as a server does: a TSIG over the request's MAC, the answer and the variables (RFC 8945 §5.3). */
function answerTo(
  requestMac: Buffer,
  over: { at?: number; error?: number; unsigned?: boolean; key?: TsigKey } = {},
): Buffer {
  const { at = NOW / 1000, error = 0, unsigned = false, key = KEY } = over;
  const message = Buffer.from(QUERY);
  message.writeUInt16BE(0x8400 | (error === 0 ? 0 : 9), 2);
  const name = encodeName(key.name, true);
  const algorithm = encodeName(key.algorithm, true);
  const time = Buffer.alloc(8);
  time.writeUIntBE(at, 0, 6);
  time.writeUInt16BE(300, 6);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(error, 0);
  const head = Buffer.from([0, CLASS.ANY, 0, 0, 0, 0]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(requestMac.length);
  const mac = unsigned
    ? Buffer.alloc(0)
    : createHmac('sha256', key.secret)
        .update(Buffer.concat([length, requestMac, message, name, head, algorithm, time, tail]))
        .digest();
  const size = Buffer.alloc(4);
  size.writeUInt16BE(mac.length, 0);
  const rdata = Buffer.concat([algorithm, time, size.subarray(0, 2), mac, message.subarray(0, 2), tail]);
  const fixed = Buffer.from([0, 250, 0, CLASS.ANY, 0, 0, 0, 0, rdata.length >> 8, rdata.length & 0xff]);
  message.writeUInt16BE(1, 10);
  return Buffer.concat([message, name, fixed, rdata]);
}

test('a message is signed with name and algorithm in lower case and one record more', () => {
  const { message, mac } = signMessage(QUERY, KEY, NOW);
  assert.equal(message.readUInt16BE(10), 1);
  assert.equal(lastRecordAt(message), QUERY.length);
  const time = Buffer.alloc(12);
  time.writeUIntBE(NOW / 1000, 0, 6);
  time.writeUInt16BE(300, 6);
  const expected = createHmac('sha256', KEY.secret)
    .update(QUERY)
    .update(Buffer.from('\x03key\x07example\x00\x00\xff\x00\x00\x00\x00\x0bhmac-sha256\x00', 'latin1'))
    .update(time)
    .digest();
  assert.deepEqual(mac, expected);
  assert.ok(message.includes(mac));
});

test('an answer counts only with the right key, over our request, near in time, unchanged', () => {
  const { mac } = signMessage(QUERY, KEY, NOW);
  const good = verifyAnswer(answerTo(mac), KEY, mac, NOW);
  assert.equal(good.kind, 'good');
  assert.equal(good.kind === 'good' && good.message.readUInt16BE(10), 0);
  const kind = (answer: Buffer, now = NOW) => verifyAnswer(answer, KEY, mac, now).kind;
  assert.equal(kind(answerTo(Buffer.alloc(32))), 'forged');
  assert.equal(kind(answerTo(mac, { key: { ...KEY, secret: Buffer.alloc(32, 6) } })), 'forged');
  assert.equal(kind(answerTo(mac, { key: { ...KEY, name: 'other.example' } })), 'forged');
  assert.equal(kind(answerTo(mac), NOW + 301_000), 'forged');
  assert.equal(kind(answerTo(mac), NOW - 301_000), 'forged');
  const whole = answerTo(mac);
  for (let at = 2; at < whole.length; at += 1) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1;
    let verdict = 'malformed';
    try {
      verdict = kind(changed);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
    // The class and TTL of the record are ignored: they have no meaning.
    const looseFrom = lastRecordAt(whole)! + encodeName(KEY.name).length + 2;
    if (at < looseFrom || at >= looseFrom + 6) assert.notEqual(verdict, 'good', `octet ${at}`);
  }
  assert.equal(kind(QUERY), 'forged');
});

test('what a server says unsigned is that it does not take the key; anything else unsigned is not believed', () => {
  const { mac } = signMessage(QUERY, KEY, NOW);
  const unsigned = verifyAnswer(answerTo(mac, { error: 17, unsigned: true }), KEY, mac, NOW);
  assert.deepEqual(unsigned, { kind: 'refused', error: 'BADKEY' });
  assert.equal(verifyAnswer(answerTo(mac, { unsigned: true }), KEY, mac, NOW).kind, 'forged');
  const late = verifyAnswer(answerTo(mac, { error: 18, at: 1 }), KEY, mac, NOW);
  assert.deepEqual(late, { kind: 'refused', error: 'BADTIME' });
});

test('messages that are cut are malformed, never more', () => {
  const { message, mac } = signMessage(QUERY, KEY, NOW);
  for (let length = 0; length < message.length; length += 1)
    assert.throws(
      () => verifyAnswer(message.subarray(0, length), KEY, mac, NOW),
      RangeError,
      `${length} octets`,
    );
  assert.throws(() => encodeName('a..b'), RangeError);
  assert.throws(() => encodeName('x'.repeat(64)), RangeError);
  assert.deepEqual(encodeRdata('MX', '0 .'), Buffer.from([0, 0, 0]));
  assert.deepEqual(encodeRdata('TXT', '"" "a"'), Buffer.from([0, 1, 0x61]));
});
