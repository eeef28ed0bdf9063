/** The rows of a store after two months of work: letters of prose, each a little different, most of them delivered. */

import { DAY_MS } from '../../../src/limits/usage.ts';
import type { MessageId } from '../../../src/runtime/ids.ts';
import type { AttemptRow, RecipientRow, StoredMessage } from '../../../src/spool/messages.ts';

/** Domains that mail goes to; as many lanes where enough of it waits. */
const SITES = 57_481;
const SIZE = 2750;
/** Attempts at what waits. */
const TRIED = 3;

/** Five letters in a row go to one site. */
const siteOf = (i: number) => `d${Math.floor(i / 5) % SITES}.test`;
export const addressOf = (i: number) => `r${i}@${siteOf(i)}`;

export function messageOf(
  { projectId, domainId }: Pick<StoredMessage, 'projectId' | 'domainId'>,
  id: MessageId,
  i: number,
  at: number,
  keepUntil: number,
): StoredMessage {
  return {
    id,
    projectId,
    domainId,
    direction: 'outgoing',
    source: 'smtp',
    mailFrom: 'sender@sender.test',
    messageIdHeader: `<${id}@sender.test>`,
    prefix: Buffer.from(
      `Received: from client.test ([127.0.0.1]) by mail.sender.test with ESMTPSA id ${id};\r\n Fri, 27 Nov 2026 09:00:00 +0000\r\n`,
    ),
    raw: text(i),
    smtputf8: false,
    eightBit: false,
    acceptedAt: at,
    expiresAt: at + 5 * DAY_MS,
    keepUntil,
    facts: {
      peerAddress: '127.0.0.1',
      helo: 'client.test',
      tls: 'TLSv1.3',
      recipients: [addressOf(i)],
    },
  };
}
/** `waitsAt`: null where it is delivered. */
export function recipientOf(
  message: StoredMessage,
  id: RecipientRow['id'],
  i: number,
  waitsAt: number | null,
): RecipientRow {
  const domain = siteOf(i);
  const waits = waitsAt !== null;
  return {
    id,
    messageId: message.id,
    projectId: message.projectId,
    address: addressOf(i),
    domain,
    lane: domain,
    state: waits ? 'deferred' : 'delivered',
    attempts: waits ? TRIED : 1,
    nextAttemptAt: waits ? waitsAt + 3_600_000 + (i % 3600) * 1000 : null,
    heldSince: null,
    heldMs: 0,
    moves: 0,
    dsn: null,
    lastResult: waits ? DEFERRED : DELIVERED,
    createdAt: message.acceptedAt,
    settledAt: waits ? null : message.acceptedAt + 500,
  };
}
/** The tries at one that waits, as they are kept beside it. */
export function attemptsOf(row: RecipientRow): readonly AttemptRow[] {
  return Array.from({ length: row.attempts }, (_, n) => ({
    projectId: row.projectId,
    messageId: row.messageId,
    recipientId: row.id,
    number: n + 1,
    at: row.createdAt + n * 3_600_000,
    outcome: 'deferred',
    detail: DEFERRED,
  }));
}
const SERVER = {
  remote: { host: 'mx.example.test', address: '192.0.2.1', port: 25 },
  tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', verified: false },
};
const DELIVERED = {
  kind: 'delivered',
  reply: { code: 250, enhanced: '2.0.0', text: 'kept' },
  dsnPassed: false,
  ...SERVER,
};
const DEFERRED = {
  kind: 'deferred',
  cause: 'recipient refused',
  reply: { code: 451, enhanced: '4.2.0', text: 'not now' },
  ...SERVER,
};
export const TOLD = { recipient: 'someone@example.test', result: DELIVERED };
export const SHOWN = {
  rule: null,
  domain: null,
  envelope: { mail_from: 'sender@sender.test', recipients: ['inbox@sender.test'] },
  authentication: {
    spf: { result: 'pass', domain: 'sender.test', scope: 'mfrom' },
    dkim: [],
    arc: { result: 'none' },
  },
};
const WORDS =
  'the courier runs through rain and night so that each letter arrives where it is awaited by its reader'.split(
    ' ',
  );
/** Prose of about SIZE octets, each a little different. */
function text(i: number): Buffer {
  let line = '';
  let body = `From: Sender <sender@sender.test>\r\nTo: <${addressOf(i)}>\r\nSubject: letter ${i}\r\nDate: Fri, 27 Nov 2026 09:00:00 +0000\r\n\r\n`;
  for (let w = i; body.length < SIZE; w = (w * 31 + 7) % 1_000_003) {
    line += `${WORDS[w % WORDS.length]} `;
    if (line.length < 70) continue;
    body += `${line.trimEnd()}\r\n`;
    line = '';
  }
  return Buffer.from(body);
}
