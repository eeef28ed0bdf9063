/** Receive, send and event rules of a domain: which topic gets which events. */
import type { EventRuleName } from '../contract/events.ts';
import type { DomainId, ProjectId, RuleId, TopicId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

interface RuleBase {
  readonly id: RuleId;
  readonly projectId: ProjectId;
  readonly topicId: TopicId;
  readonly createdAt: number;
}
export interface ReceiveRule extends RuleBase {
  readonly family: 'incoming';
  readonly domainId: DomainId;
  readonly type: 'account' | 'all' | 'catch_all';
  /** Lower case; set exactly if type is 'account'. */
  readonly localPart: string | null;
}
export interface SendRule extends RuleBase {
  readonly family: 'outgoing';
  readonly domainId: DomainId;
}
export interface EventRule extends RuleBase {
  readonly family: 'event';
  /** null: the project's own events (limits, domains, subscribers). */
  readonly domainId: DomainId | null;
  readonly names: readonly EventRuleName[];
}
export type Rule = ReceiveRule | SendRule | EventRule;
export type RuleOf<F extends Rule['family']> = Extract<Rule, { family: F }>;

export interface RuleReader {
  /**
   * All rules of one family of a domain, oldest first (there are few). domain null: the project's event
   * rules.
   */
  rules<F extends Rule['family']>(
    project: ProjectId,
    domain: DomainId | null,
    family: F,
  ): Promise<readonly RuleOf<F>[]>;
  /** The same, newest first. */
  rulePage<F extends Rule['family']>(
    project: ProjectId,
    domain: DomainId | null,
    family: F,
    page: PageRequest,
  ): Promise<Page<RuleOf<F>>>;
  rule(project: ProjectId, id: RuleId): Promise<Rule | null>;
}
export interface RuleTx {
  insertRule(rule: Rule): void;
  updateRule(rule: Rule): void;
  deleteRule(project: ProjectId, id: RuleId): void;
}
/**
 * Conditions of a transaction. It fails with StaleError if, at the commit, the row differs from the one given
 * here.
 */
export interface RuleExpectations {
  expectRule(rule: Rule): void;
}
