/** Commands of SMTP: the verb, the path, the parameters (RFC 5321 §4.1). Each is answered or passed on, never both. */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Commands = typeof import('../../src/smtp/server/commands.ts');
type Path = typeof import('../../src/smtp/server/path.ts');
type Replies = typeof import('../../src/smtp/reply.ts');

export const target: Target = {
  words: [
    'MAIL FROM:',
    'RCPT TO:',
    '<>',
    '<a@b.test>',
    '<"a b"@b.test>',
    ' SIZE=1',
    ' BODY=8BITMIME',
    ' SMTPUTF8',
    ' RET=FULL',
    ' ENVID=a+20',
    ' NOTIFY=SUCCESS,DELAY',
    ' ORCPT=rfc822;a+40b',
    'AUTH PLAIN ',
    'EHLO ',
    '\\',
    '"',
    '飛',
  ],
  longest: 12 * 1024,
  async open(load) {
    const { commands, splitCommand } = await load<Commands>('smtp/server/commands.ts');
    const { parsePath } = await load<Path>('smtp/server/path.ts');
    const { formatReply } = await load<Replies>('smtp/reply.ts');
    const connection = {
      id: 'c',
      role: 'submission',
      remoteAddress: '127.0.0.1',
      remotePort: 1,
      helo: 'h',
      esmtp: true,
      tls: { version: 'TLSv1.3', cipher: 'c' },
      principal: null,
    } as const;
    const unused = () => assert.fail('a check does nothing');
    const state = (inTransaction: boolean) => ({
      connection,
      inTransaction: () => inTransaction,
      tlsAvailable: true,
      authOffered: () => true,
      announcedSize: () => 1000,
      hostname: 'mx.example.test',
      smtputf8: () => true,
      recipients: () => 1,
      maxRecipients: 100,
      beyondCap: unused,
      authNeeds: () => null,
      mayHandshake: () => true,
      hello: unused,
      reset: unused,
      upgrade: unused,
      auth: unused,
      mail: unused,
      rcpt: unused,
      data: unused,
    });
    return (input) => {
      const { verb, rest } = splitCommand(input.toString('utf8'));
      for (const inTransaction of [false, true]) {
        const refusal = commands.get(verb)?.check(state(inTransaction), rest) ?? null;
        if (refusal !== null) assert.match(formatReply(refusal), /^(?:[245]\d\d[ -][^\r\n]*\r\n)+$/);
      }
      const path = parsePath(rest);
      if (path !== null) assert.ok(rest.includes(`${path.address}>`) && !path.address.startsWith('@'));
    };
  },
};
