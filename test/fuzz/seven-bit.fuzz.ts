/**
 * Messages made 7-bit. The result is 7-bit in short lines, stays as it is the second time, has the same parts in the same
 * order, and each part decodes to the same octets; or nothing is changed.
 */
import assert from 'node:assert/strict';
import type { Leaf } from '../../src/mail/structure.ts';
import type { Target } from './engine/target.ts';

type SevenBit = typeof import('../../src/mail/seven-bit.ts');
type Encode = typeof import('../../src/mail/transfer-encode.ts');
type Structure = typeof import('../../src/mail/structure.ts');
type Headers = typeof import('../../src/mail/headers.ts');
type Parameters = typeof import('../../src/mail/mime-parameters.ts');
type Transfer = typeof import('../../src/reading/transfer.ts');

export const target: Target = {
  words: [
    '\r\n',
    '\r\n\r\n',
    '--b',
    '--b--',
    '--b\f\r\n',
    '--=?utf-8?q?b?=',
    'multipart/mixed; boundary="=?utf-8?q?b?="',
    'multipart/mixed; boundary=bc',
    '\r\n--b\r\n',
    '\r\n--c\r\n',
    'Content-Type: ',
    'multipart/mixed; boundary=b',
    'multipart/signed; boundary="c"',
    'multipart/report; boundary=c',
    'message/rfc822',
    'text/html; charset=utf-8',
    'text/plain',
    'application/octet-stream; name="\u00e9"',
    'Content-Disposition: attachment; filename="\u6ce8\u6587"',
    'Content-Transfer-Encoding: 8bit\r\n',
    'Content-Transfer-Encoding: base64\r\n',
    'Subject: \u00e9',
    'To: \u00e9 <a@b.test>',
    'DKIM-Signature: d=b.test',
    '\u00e9',
    '\xff',
    '\0',
    '=',
    'x'.repeat(999),
  ],
  // Each input is converted, read and compared in several ways.
  longest: 8 * 1024,
  async open(load) {
    const { toSevenBit } = await load<SevenBit>('mail/seven-bit.ts');
    const { isSevenBit } = await load<Encode>('mail/transfer-encode.ts');
    const { readStructure, MOST_WORK } = await load<Structure>('mail/structure.ts');
    const { findHeader, readHeaderSection } = await load<Headers>('mail/headers.ts');
    const { readParameters } = await load<Parameters>('mail/mime-parameters.ts');
    const { decodePiece } = await load<Transfer>('reading/transfer.ts');

    const partsOf = (raw: Buffer) => readStructure(raw, readHeaderSection(raw), MOST_WORK, () => {});
    const decoded = (raw: Buffer, { fields, at }: Leaf): Buffer => {
      const { value } = readParameters(findHeader(fields, 'content-transfer-encoding')?.rawValue ?? '');
      const encoding = value === 'base64' || value === 'quoted-printable' ? value : 'as-is';
      return decodePiece(encoding, raw.subarray(...at), true).octets;
    };
    function same(before: Buffer, after: Buffer, bodies: boolean, ownReport: boolean): void {
      const [old, made] = [partsOf(before), partsOf(after)];
      assert.equal(made.length, old.length);
      for (const [i, leaf] of old.entries()) {
        const now = made[i]!;
        // A copy in a report of our own that cannot be converted is cut to its header.
        if (leaf.type === 'message/rfc822' && now.type === 'text/rfc822-headers' && ownReport) continue;
        assert.equal(now.type, leaf.type);
        const [was, is] = [decoded(before, leaf), decoded(after, now)];
        if (leaf.type !== 'message/rfc822') assert.deepEqual(Buffer.from(is), Buffer.from(was));
        else if (bodies ? !isSevenBit(was) : true) same(was, is, bodies, ownReport);
      }
    }
    return (message) => {
      // One way for each input, by its length: all four take too long for one look.
      const [bodies, ownReport] = [(message.length & 1) === 0, (message.length & 2) === 0];
      const options = { bodies, signedAs: 'b.test', ownReport };
      const result = toSevenBit(message, options);
      if (isSevenBit(message)) assert.equal(result.kind, 'unchanged');
      if (result.kind !== 'converted') return;
      if (bodies) assert.ok(isSevenBit(result.message));
      assert.equal(toSevenBit(result.message, options).kind, 'unchanged');
      same(message, result.message, bodies, ownReport);
    };
  },
};
