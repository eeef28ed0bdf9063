/** The kinds of subscribers, by the names in rows and in the API. CONTRIBUTING.md says what a new kind needs. */
import { http } from './http.ts';
import type { SubscriberKind } from './kind.ts';
import { mail } from './mail.ts';
import { pushover } from './pushover.ts';
import { slack } from './slack.ts';

export const SUBSCRIBER_KINDS = { http, mail, pushover, slack } as const satisfies Record<
  string,
  SubscriberKind
>;
export type SubscriberKindName = keyof typeof SUBSCRIBER_KINDS;

/** null: this program does not know the kind. */
export function subscriberKindOf(name: string): SubscriberKind | null {
  return Object.hasOwn(SUBSCRIBER_KINDS, name) ? SUBSCRIBER_KINDS[name as SubscriberKindName] : null;
}
