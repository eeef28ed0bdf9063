/** From outcomes to what a notification says of them (RFC 3464 §2.3). Pure. */
import type { Item, Settlement } from './settle.ts';
import { saying } from './settle.ts';

export interface ItemNews {
  readonly row: Item['row'];
  readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed';
  readonly status: string;
  readonly remoteMta?: string;
  readonly diagnostic?: string;
  readonly explanation: string;
  readonly willRetryUntil?: number;
}

/** The items a sender may want to hear of, in groups of one kind. */
export function newsOf(items: readonly Item[], settlement: Settlement): readonly ItemNews[][] {
  const failed: ItemNews[] = [];
  const done: ItemNews[] = [];
  const delayed: ItemNews[] = [];
  for (const item of items) {
    const { row, outcome } = item;
    const result = settlement.foresee(item);
    if (outcome.kind === 'delivered') {
      if (outcome.dsnPassed === true) continue; // RFC 3461 §5.2.1: the next hop tells
      const here = outcome.remote === null;
      done.push({
        row,
        action: here ? 'delivered' : 'relayed',
        status: here ? '2.1.5' : '2.0.0',
        ...(outcome.remote === null ? {} : { remoteMta: outcome.remote.host }),
        explanation: here ? 'delivered' : `handed on to ${outcome.remote!.host}`,
      });
    } else if (result === 'bounced' || result === 'expired' || result === 'deferred') {
      const until = result === 'deferred' ? settlement.delayedUntil(item) : null;
      if (result === 'deferred' && until === null) continue;
      const remote = 'remote' in outcome ? outcome.remote : null;
      const status = 'status' in outcome ? outcome.status : '5.0.0';
      const words = saying(outcome);
      const refused = 'reply' in outcome && outcome.reply !== null;
      (until === null ? failed : delayed).push({
        row,
        action: until === null ? 'failed' : 'delayed',
        // RFC 3463 §3.5: given up after trying for too long
        status: result === 'expired' && !status.startsWith('4.') ? '4.4.7' : status,
        ...(remote === null ? {} : { remoteMta: remote.host }),
        ...(refused ? { diagnostic: words } : {}),
        ...(until === null ? {} : { willRetryUntil: until }),
        explanation:
          (result === 'expired' ? 'given up after trying for too long; at last: ' : '') +
          (refused && remote !== null ? `the server ${remote.host} said: ${words}` : words),
      });
    }
  }
  return [failed, delayed, done];
}
