/** What happens to a domain as events of its project: names, contents, and the seam by which they are published. */
import type { ProjectId, TopicId } from '../runtime/ids.ts';
import type { Words } from './findings.ts';

export type DomainEventName =
  | 'domain.verified'
  | 'domain.dns_error'
  | 'domain.dns_recovered'
  | 'dkim.rotated';
export interface DomainProblem extends Partial<Words> {
  readonly item: 'mx' | 'spf' | 'dkim' | 'ownership';
  readonly status: string;
  readonly expected: readonly string[];
  readonly found: readonly string[];
}
export interface DomainEventContent extends Partial<Words> {
  readonly domain: string;
  /** What is missing or wrong; empty in dns_recovered. */
  readonly problems?: readonly DomainProblem[];
  /** ISO 8601 */
  readonly checked_at?: string;
  /** ISO 8601: when the ownership ends if nothing changes. */
  readonly ends_at?: string;
  /** In dkim.rotated: what the key has become. */
  readonly stage?: 'pending' | 'active' | 'retired';
  readonly selector?: string;
  readonly record?: { readonly name: string; readonly type: 'CNAME' | 'TXT'; readonly value: string };
}
export interface Announcement<Tx> {
  /** In the transaction of what it tells of. `topic`: the domain's own topic, beside those of the project's event rules. */
  record(tx: Tx, name: DomainEventName, content: DomainEventContent, topic: TopicId | null): void;
  /** After the commit. */
  committed(): void;
}
/** Reads what publishing needs; what it gives is called inside the recording. */
export type Announce<Tx> = (project: ProjectId) => Promise<Announcement<Tx>>;
