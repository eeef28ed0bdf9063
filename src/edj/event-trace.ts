/**
 * The trace of events that went out as mail: a mark for each topic whose subscribers mailed it. The mail bears its marks in
 * a header field, in its boundary and in its text, so they come back with it, also through a forwarder that makes a new
 * header. A mark is authenticated (HMAC), so that nobody can keep events from people by inventing marks. Linear.
 */
import type { TopicId } from '../runtime/ids.ts';
import type { Sealer } from '../runtime/sealing.ts';

export interface EventTrace {
  markOf(topic: TopicId): string;
  /** The marks of this instance in the text, each once, in the order of their first places. */
  marksIn(text: string): readonly string[];
}
/** The header field with the marks, oldest first. */
export const TRACE_FIELD = 'Hikyaku-Event-Trace';
/** An event that was mailed by so many topics is not mailed again. */
export const MOST_TOPICS = 4;
/** Marks that are looked at: a message may have any number. */
const MOST_LOOKED_AT = 100;
const MARK = /hikyaku-via-([0-9a-f]{32})-[0-9a-f]{16}/g;

export function createEventTrace(sealer: Pick<Sealer, 'mac'>): EventTrace {
  const markFor = (topic: string) => {
    const proof = sealer.mac(topic, 'event trace').toString('hex').slice(0, 16);
    return `hikyaku-via-${topic}-${proof}`;
  };
  return {
    markOf: (topic) => markFor(topic.replaceAll('-', '')),
    marksIn(text) {
      const found = new Set<string>();
      const looked = { at: 0 };
      for (const [mark, topic] of text.matchAll(MARK)) {
        looked.at += 1;
        if (looked.at > MOST_LOOKED_AT) break;
        if (!found.has(mark) && mark === markFor(topic!)) found.add(mark);
      }
      return [...found];
    },
  };
}
