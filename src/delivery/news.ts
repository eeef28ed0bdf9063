/** From outcomes to what a notification says of them (RFC 3464 §2.3). Pure. */
import type { Item, Settlement } from './settle.ts';
import { saying } from './settle.ts';

export interface ItemNews {
  readonly row: Item['row'];
  readonly action: 'failed' | 'delivered' | 'relayed';
  readonly status: string;
  readonly remoteMta?: string;
  readonly diagnostic?: string;
  readonly explanation: string;
}

/** The items a sender may want to hear of, failures and successes apart; what still waits is no news. */
export function newsOf(
  items: readonly Item[],
  settlement: Settlement,
): { failed: ItemNews[]; done: ItemNews[] } {
  const failed: ItemNews[] = [];
  const done: ItemNews[] = [];
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
    } else if (result === 'bounced' || result === 'expired') {
      const remote = 'remote' in outcome ? outcome.remote : null;
      const status = 'status' in outcome ? outcome.status : '5.0.0';
      const words = saying(outcome);
      const refused = 'reply' in outcome && outcome.reply !== null;
      failed.push({
        row,
        action: 'failed',
        // RFC 3463 §3.5: given up after trying for too long
        status: result === 'expired' ? (status.startsWith('4.') ? status : '4.4.7') : status,
        ...(remote === null ? {} : { remoteMta: remote.host }),
        ...(refused ? { diagnostic: words } : {}),
        explanation:
          (result === 'expired' ? 'given up after trying for too long; at last: ' : '') +
          (refused && remote !== null ? `the server ${remote.host} said: ${words}` : words),
      });
    }
  }
  return { failed, done };
}
