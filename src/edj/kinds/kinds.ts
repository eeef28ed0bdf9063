/** The kinds of subscribers there are, by the names that rows and the API have them by. CONTRIBUTING.md says what a new one needs. */
import { http } from './http.ts';
import type { SubscriberKind } from './kind.ts';

export const SUBSCRIBER_KINDS = { http } as const satisfies Record<string, SubscriberKind>;
export type SubscriberKindName = keyof typeof SUBSCRIBER_KINDS;

/** null: this program knows no such kind. */
export function subscriberKindOf(name: string): SubscriberKind | null {
  return Object.hasOwn(SUBSCRIBER_KINDS, name) ? SUBSCRIBER_KINDS[name as SubscriberKindName] : null;
}
