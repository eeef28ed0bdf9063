/**
 * Delivery without a network: mail for a domain hosted here goes through `accept` to the domain's receive
 * rules, and the sender's recipients are settled in the same commit. So neither can happen without the other.
 */
import type { DomainReader } from '../domains/mta-domains.ts';
import { isHosted } from '../domains/mta-domains.ts';
import { parseAddress } from '../mail/address.ts';
import type { RuleReader } from '../rules/rules.ts';
import type { Clock } from '../runtime/clock.ts';
import type { MessageId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { RecipientRow, StoredMessage } from '../spool/messages.ts';
import { incomingShares, type TakenRecipient, takeRecipient } from './incoming.ts';
import { MAX_QUEUE_MS } from './limits.ts';
import type { HostedOutcome, Intake, PlanHosted, PlannedMessage, RecordOutcome } from './planned.ts';
import { receivedField, returnPathField } from './trace.ts';

export interface HostedDeps {
  readonly read: DomainReader & RuleReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
}
/** Asks the receive rules of each row's domain. */
export function createHostedPlanner(deps: HostedDeps): PlanHosted {
  return async (message, rows) => {
    const taken: TakenRecipient[] = [];
    const outcomes: HostedOutcome[] = [];
    for (const row of rows) {
      const address = parseAddress(row.address);
      const domain = address === null ? null : await deps.read.findDomain(address.domain);
      if (address === null || domain === null || !isHosted(domain)) {
        outcomes.push({
          row,
          reply: { code: 451, enhanced: '4.3.0', text: 'the domain is no longer hosted here' },
        });
        continue;
      }
      const rules = await deps.read.rules(domain.projectId, domain.id, 'incoming');
      const recipient = takeRecipient(row.address, address.localPart, domain, rules);
      if (recipient === null) {
        outcomes.push({ row, reply: { code: 550, enhanced: '5.1.1', text: 'no such recipient here' } });
      } else {
        taken.push(recipient);
        outcomes.push({ row, reply: { code: 250, enhanced: '2.0.0', text: 'taken by its receive rules' } });
      }
    }
    if (taken.length === 0) return { messages: [], outcomes };
    const now = deps.clock.now();
    // RFC 8601 §2.7.4: the mail never left this machine, so the only known fact is that its sender
    // authenticated.
    const authentication = {
      spf: { result: 'none', domain: '', scope: 'mfrom' },
      dkim: [],
      dmarc: { result: 'none', policy: null, domain: '', alignment: { spf: false, dkim: false } },
      arc: { result: 'none' },
      auth: { result: 'pass', mail_from: message.mailFrom },
    };
    const messages = incomingShares(taken, message.mailFrom, authentication).map((share) => {
      const id: MessageId = deps.random.id();
      const results = `Authentication-Results: ${deps.hostname}; auth=pass\r\n`;
      const received = receivedField({ by: deps.hostname, with: 'local', tls: null, id, now });
      return {
        message: {
          ...message,
          id,
          projectId: share.projectId,
          domainId: share.domainId,
          direction: 'incoming' as const,
          source: 'hosted' as const,
          prefix: Buffer.concat([
            Buffer.from(returnPathField(message.mailFrom) + results + received, 'utf8'),
            message.prefix,
          ]),
          acceptedAt: now,
          expiresAt: now + MAX_QUEUE_MS,
          facts: { recipients: share.recipients, authentication },
        },
        recipients: [],
        received: share.received,
        events: share.events,
      };
    });
    return { messages, outcomes };
  };
}

/**
 * Accepts the message for the recipients that receive rules match, and settles them in the same commit,
 * together with the notification that their sender gets. Returns the outcomes of the recipients that no rule
 * matches; the caller settles those.
 */
export function createHostedDelivery(plan: PlanHosted, intake: Intake) {
  return async function deliverHosted(
    message: StoredMessage,
    rows: readonly RecipientRow[],
    record: RecordOutcome,
    notices: (taken: readonly HostedOutcome[]) => Promise<readonly Omit<PlannedMessage, 'events'>[]>,
  ): Promise<readonly HostedOutcome[]> {
    const { messages, outcomes } = await plan(message, rows);
    const taken = outcomes.filter(({ reply }) => reply.code === 250);
    if (messages.length > 0) {
      const told = (await notices(taken)).map((notice) => ({ ...notice, events: [] }));
      await intake.accept({
        messages: [...messages, ...told],
        also: (tx) => {
          for (const outcome of taken) record(tx, outcome);
        },
      });
    }
    return outcomes.filter(({ reply }) => reply.code !== 250);
  };
}
