/**
 * Log lines about refused connections and requests, for the operator and for programs that read logs, such as
 * fail2ban. There are at most ten lines a minute for each kind and network, and then one line with the total.
 * A line has `notice` (the kind), `peer` (the address), `network` and `session`, in this order. It contains
 * no text that a stranger sent. Memory is bounded: if there are too many networks in a minute, the rest is
 * reported together.
 */
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { prefixesOf } from './prefixes.ts';

const KINDS = {
  'auth-refused': 'authentication refused',
  'auth-capped': 'too many failed authentications',
  'relay-refused': 'relaying refused',
  'recipients-refused': 'many recipients that are not here: answers are delayed',
  'connections-capped': 'too many connections',
  'connection-dropped': 'an idle or slow connection was dropped for others',
  'handshakes-capped': 'too many TLS handshakes',
  'messages-capped': 'too many messages',
  'recipients-capped': 'too many recipients',
  'spoke-early': 'spoke before it was its turn',
  'errors-capped': 'too many errors',
} as const;
export type NoticeKind = keyof typeof KINDS;
export interface Notices {
  /**
   * `session`: the id of the connection or request. `more`: further fields; they must not contain text that
   * somebody typed.
   */
  tell(kind: NoticeKind, address: string, session: string, more?: Readonly<Record<string, string>>): void;
}
export const noNotices: Notices = { tell() {} };

const MINUTE = 60_000;
const MOST_LINES = 10;
const MOST_NETWORKS = 10_000;

export function createNotices(clock: Clock, logger: Pick<Logger, 'info'>): Notices {
  const counted = new Map<string, { kind: NoticeKind; peer: string; network: string; many: number }>();
  let running = false;

  function minuteOver(): void {
    running = false;
    for (const { kind, peer, network, many } of counted.values())
      if (many > MOST_LINES)
        logger.info({ notice: kind, peer, network, session: '', more: many - MOST_LINES }, KINDS[kind]);
    counted.clear();
  }
  return {
    tell(kind, address, session, more = {}) {
      if (!running) clock.after(MINUTE, minuteOver);
      running = true;
      const own = prefixesOf(address)[0].text;
      const crowded = counted.size >= MOST_NETWORKS && !counted.has(`${kind} ${own}`);
      const network = crowded ? 'others' : own;
      const entry = counted.get(`${kind} ${network}`) ?? { kind, peer: address, network, many: 0 };
      counted.set(`${kind} ${network}`, entry);
      entry.many += 1;
      entry.peer = address;
      if (entry.many <= MOST_LINES)
        logger.info({ notice: kind, peer: address, network, session, ...more }, KINDS[kind]);
    },
  };
}
