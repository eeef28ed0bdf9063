/** How one attempt at one recipient ended: a sum. Invariant: a bounce is only ever said by a server or by a certain fact, never by a failure to find out. */
import type { Remote, TlsFacts } from '../smtp/client/peer.ts';
import type { Report } from '../smtp/client/pool.ts';
import type { ServerReply } from '../smtp/client/reply-parser.ts';
import type { Verdict } from '../smtp/client/verdicts.ts';

export interface ReplyFacts {
  readonly code: number;
  readonly enhanced: string | null;
  readonly text: string;
}
interface Facts {
  readonly remote: Remote | null;
  readonly tls: TlsFacts | null;
}
export type Outcome =
  | ({
      readonly kind: 'delivered';
      readonly reply: ReplyFacts;
      /** The next hop took over the duty to notify (RFC 3461 §5.2.1). */
      readonly dsnPassed?: boolean;
      /** The server got another form than is stored: it lacks 8BITMIME or SMTPUTF8. */
      readonly converted?: true;
    } & Facts)
  | ({
      readonly kind: 'deferred';
      readonly reply: ReplyFacts | null;
      readonly cause: string;
      /** RFC 3463 status, 4.x.y */
      readonly status: string;
      /** The server may have taken the message: the link broke after the final dot. */
      readonly ambiguous: boolean;
      /** The service stopped meanwhile. Without a `remote` nobody was asked yet: that is no attempt. */
      readonly stopped?: true;
    } & Facts)
  | ({
      readonly kind: 'bounced';
      readonly reply: ReplyFacts | null;
      readonly cause: string;
      /** RFC 3463 status, 5.x.y */
      readonly status: string;
    } & Facts);

/** Delivered without a network (receive rules, simulator). */
export function deliveredHere(text: string): Outcome {
  return { kind: 'delivered', reply: { code: 250, enhanced: '2.0.0', text }, remote: null, tls: null };
}
/** Our own verdict, without a server's word. */
export function bouncedHere(status: string, cause: string): Outcome {
  return { kind: 'bounced', reply: null, cause, status, remote: null, tls: null };
}
/** Could not be tried, or failed on this side. */
export function deferredHere(status: string, cause: string): Outcome {
  return { kind: 'deferred', reply: null, cause, status, ambiguous: false, remote: null, tls: null };
}
/** What a reply given inside this machine means (hosted recipients): 2xx, 5xx, anything else is for later. */
export function outcomeOfReply(reply: ReplyFacts): Outcome {
  if (reply.code >= 200 && reply.code < 300) return { kind: 'delivered', reply, remote: null, tls: null };
  const common = { reply, cause: reply.text, remote: null, tls: null };
  if (reply.code >= 500) return { kind: 'bounced', status: reply.enhanced ?? '5.0.0', ...common };
  return { kind: 'deferred', status: reply.enhanced ?? '4.0.0', ambiguous: false, ...common };
}
/** One outcome per recipient of a transaction, in order. */
export function outcomesOf(report: Report): Outcome[] {
  const { remote, tls } = report;
  return report.verdicts.map((verdict) => fromVerdict(verdict, { remote, tls }));
}
function fromVerdict(verdict: Verdict, facts: Facts): Outcome {
  const reply = verdict.reply === null ? null : factsOf(verdict.reply);
  switch (verdict.kind) {
    case 'delivered':
      return {
        kind: 'delivered',
        reply: factsOf(verdict.reply),
        dsnPassed: verdict.dsn,
        ...(verdict.converted === true && { converted: true }),
        ...facts,
      };
    case 'bounced':
      return { kind: 'bounced', reply, cause: verdict.cause, status: verdict.status, ...facts };
    case 'deferred': {
      const status =
        reply === null ? '4.4.2' : reply.enhanced?.startsWith('4.') === true ? reply.enhanced : '4.0.0';
      return {
        kind: 'deferred',
        reply,
        cause: verdict.cause,
        status,
        ambiguous: verdict.ambiguous,
        ...(verdict.stopped === true ? { stopped: true } : {}),
        ...facts,
      };
    }
  }
}
function factsOf({ code, enhanced, text }: ServerReply): ReplyFacts {
  return { code, enhanced, text };
}
