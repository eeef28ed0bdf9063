/**
 * Plans incoming mail, from the Internet or from this host's own senders: which receive rules take it. Rules
 * are matched against each envelope recipient, never against `To:`. There is one event per matched rule and
 * message.
 */
import type { MtaDomain } from '../domains/mta-domains.ts';
import { matchReceiveRules } from '../rules/match.ts';
import type { ReceiveRule } from '../rules/rules.ts';
import type { DomainId, ProjectId, RuleId, TopicId } from '../runtime/ids.ts';
import type { PlannedEvent } from './planned.ts';

/** An envelope recipient and the rules that take it. */
export interface TakenRecipient {
  /** As the peer gave it. */
  readonly address: string;
  readonly projectId: ProjectId;
  /** null for this host's own postmaster, who is in no domain. */
  readonly domain: MtaDomain | null;
  readonly rules: readonly ReceiveRule[];
  /**
   * Set if no rule matched and the mail is for postmaster (RFC 5321 §4.5.1): the domain's default topic, or
   * the operator's topic.
   */
  readonly fallbackTopic: TopicId | null;
}

/** Which rules take mail for this local part of the domain; null if none does (550 5.1.1). */
export function takeRecipient(
  address: string,
  localPart: string,
  domain: MtaDomain,
  rules: readonly ReceiveRule[],
): TakenRecipient | null {
  const { projectId } = domain;
  const matched = matchReceiveRules(rules, localPart);
  if (matched.length > 0) return { address, projectId, domain, rules: matched, fallbackTopic: null };
  if (localPart.toLowerCase() === 'postmaster') {
    return { address, projectId, domain, rules: [], fallbackTopic: domain.defaultTopicId };
  }
  return null;
}

export interface IncomingShare {
  readonly projectId: ProjectId;
  readonly domainId: DomainId | null;
  readonly recipients: readonly string[];
  /** The number of recipients by domain. */
  readonly received: ReadonlyMap<DomainId, number>;
  readonly events: readonly PlannedEvent[];
}

/**
 * One share per project, with one event per matched rule in it (and one per default topic that takes
 * postmaster's mail).
 */
export function incomingShares(
  taken: readonly TakenRecipient[],
  mailFrom: string,
  authentication: unknown,
): readonly IncomingShare[] {
  const projects = new Map<ProjectId, TakenRecipient[]>();
  for (const recipient of taken) {
    const share = projects.get(recipient.projectId);
    if (share === undefined) projects.set(recipient.projectId, [recipient]);
    else share.push(recipient);
  }
  return [...projects].map(([projectId, recipients]) => {
    const byRule = new Map<
      RuleId | TopicId,
      { rule: ReceiveRule | null; domain: MtaDomain | null; topicId: TopicId; addresses: string[] }
    >();
    const received = new Map<DomainId, number>();
    for (const { address, domain, rules, fallbackTopic } of recipients) {
      if (domain !== null) received.set(domain.id, (received.get(domain.id) ?? 0) + 1);
      const targets: { key: RuleId | TopicId; rule: ReceiveRule | null; topicId: TopicId }[] = rules.map(
        (rule) => ({
          key: rule.id,
          rule,
          topicId: rule.topicId,
        }),
      );
      if (fallbackTopic !== null) targets.push({ key: fallbackTopic, rule: null, topicId: fallbackTopic });
      for (const { key, rule, topicId } of targets) {
        const entry = byRule.get(key) ?? { rule, domain, topicId, addresses: [] };
        entry.addresses.push(address);
        byRule.set(key, entry);
      }
    }
    return {
      projectId,
      domainId: recipients.find(({ domain }) => domain !== null)?.domain?.id ?? null,
      recipients: recipients.map(({ address }) => address),
      received,
      events: [...byRule.values()].map(({ rule, domain, topicId, addresses }) => ({
        topicId,
        name: 'incoming' as const,
        summary: null,
        content: {
          rule: rule === null ? null : { id: rule.id, type: rule.type, local_part: rule.localPart },
          domain: domain === null ? null : { id: domain.id, name: domain.name },
          envelope: { mail_from: mailFrom, recipients: addresses },
          authentication,
        },
      })),
    };
  });
}
