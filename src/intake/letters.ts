/**
 * Mail that the instance itself writes to people, from its postmaster. It goes through `accept` like any
 * other mail. It asks for no notification and has the null reverse-path, so nothing answers it (RFC 3834
 * §3.1.7).
 */
import { isAscii } from 'node:buffer';
import { parseAddress } from '../mail/address.ts';
import { compose } from '../mail/compose.ts';
import { parseDomain } from '../mail/domain.ts';
import type { Clock } from '../runtime/clock.ts';
import type { MessageId, ProjectId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import { MAX_QUEUE_MS } from './limits.ts';
import type { PlannedMessage } from './planned.ts';

export interface Letter {
  /** The project that the mail belongs to. */
  readonly project: ProjectId;
  readonly to: string;
  readonly subject: string;
  /** Plain text, LF. */
  readonly body: string;
}
/** Whether the host name is an Internet name, not only a name of this machine or its network. */
export function hasMailName(hostname: string): boolean {
  const host = parseDomain(hostname);
  return host?.includes('.') === true && !/\.(localhost|local|internal|localdomain)$/.test(host);
}
/**
 * Throws RangeError if `to` is not an e-mail address. If the host's name is not a mail domain, the sender is
 * at localhost.
 */
export function planLetter(
  { project, to, subject, body }: Letter,
  deps: { readonly clock: Clock; readonly random: Random; readonly hostname: string },
): PlannedMessage {
  const { clock, random } = deps;
  const host = parseDomain(deps.hostname) ?? 'localhost';
  const address = parseAddress(to);
  if (address === null) throw new RangeError('a letter needs an address');
  const now = clock.now();
  const { raw, messageId } = compose(
    {
      from: [`postmaster@${host}`],
      to: [to],
      subject,
      content_type: 'text/plain; charset=UTF-8',
      additional_header: { 'Auto-Submitted': ['auto-generated'] },
      body,
    },
    { now, random, messageIdDomain: host },
  );
  const id: MessageId = random.id();
  return {
    message: {
      id,
      projectId: project,
      domainId: null,
      direction: 'outgoing',
      source: 'notice',
      mailFrom: '',
      messageIdHeader: messageId,
      prefix: Buffer.alloc(0),
      raw,
      smtputf8: address.utf8,
      eightBit: !isAscii(raw),
      acceptedAt: now,
      expiresAt: now + MAX_QUEUE_MS,
      facts: { recipients: [address.wire] },
    },
    recipients: [
      {
        id: random.id(),
        messageId: id,
        projectId: project,
        address: address.wire,
        domain: address.domain,
        lane: address.domain,
        state: 'queued',
        attempts: 0,
        nextAttemptAt: now,
        heldSince: null,
        heldMs: 0,
        moves: 0,
        dsn: { notify: ['NEVER'] },
        lastResult: null,
        createdAt: now,
        settledAt: null,
      },
    ],
    events: [],
  };
}
