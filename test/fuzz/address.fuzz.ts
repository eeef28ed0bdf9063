/** Addresses and mailbox lists. What is read as a mailbox means the same once it is written (RFC 5322 §3.4). */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Addresses = typeof import('../../src/mail/address.ts');

export const target: Target = {
  words: ['<a@b.test>', 'a@b.test', ', ', '"', '\\', '.', '@', '=?utf-8?B?', '?=', '飛脚'],
  async open(load) {
    const { formatMailbox, parseAddress, parseMailbox, parseMailboxList } =
      await load<Addresses>('mail/address.ts');
    return (input) => {
      const text = input.toString('utf8');
      const address = parseAddress(text);
      if (address !== null) assert.deepEqual(parseAddress(address.wire), address);
      parseMailbox(text);
      for (const mailbox of parseMailboxList(text) ?? []) {
        const written = formatMailbox(mailbox).replaceAll('\r\n ', ' ');
        assert.deepEqual(parseMailboxList(written)?.[0]?.address, mailbox.address, written.slice(0, 200));
      }
    };
  },
};
