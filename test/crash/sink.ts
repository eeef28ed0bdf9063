/**
 * The far end of the crash test: an SMTP server that counts recipients it has taken (250 after the final dot written),
 * refuses some for now, and is slow for some. It outlives every kill.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openFarEnd } from '../../src/testing/far-end.ts';
import { politely } from '../../src/testing/scripted-server.ts';

export interface CrashSink extends AsyncDisposable {
  readonly port: number;
  /** How often each recipient was taken. */
  readonly taken: ReadonlyMap<string, number>;
  /** Resolves when all that was sent has been read and every slow answer given: what was in flight has been taken or not. */
  quiet(): Promise<void>;
}

/** Looks, 5 ms apart, for which nothing must be open. */
const QUIET_LOOKS = 20;

export async function startCrashSink(random: () => number): Promise<CrashSink> {
  const taken = new Map<string, number>();
  let pending = 0;
  const farEnd = await openFarEnd({
    meet(session) {
      let recipients: string[] = [];
      function finish(): void {
        const mine = recipients;
        recipients = [];
        pending += 1;
        const answer = () => {
          pending -= 1;
          if (random() < 0.05) return session.say('451 4.3.0 later\r\n');
          // Taken is taken, whether or not the client lives to hear it.
          for (const address of mine) taken.set(address, (taken.get(address) ?? 0) + 1);
          session.say('250 2.0.0 taken\r\n');
        };
        if (random() < 0.1) setTimeout(answer, 20 + random() * 200);
        else answer();
      }
      session.say('220 sink.test\r\n');
      return (input, kind) => {
        if (kind === 'message') return finish();
        const verb = input.slice(0, 4).toUpperCase();
        if (verb === 'RCPT') {
          if (random() < 0.08) return session.say('451 4.2.0 greylisted\r\n');
          recipients.push(/<(.*)>/.exec(input)![1]!);
        }
        if (verb === 'DATA') {
          if (recipients.length === 0) return session.say('554 no recipients\r\n');
          session.expectMessage();
        }
        if (verb === 'MAIL' || verb === 'RSET') recipients = [];
        const answer = politely(input, kind, ['PIPELINING']);
        if (verb === 'QUIT') session.end(answer);
        else session.say(answer);
      };
    },
  });
  return {
    port: farEnd.port,
    taken,
    async quiet() {
      // A connection may still wait to be accepted: only what stays so was all.
      for (let tries = 0, still = 0; still < QUIET_LOOKS && tries < 4000; tries++) {
        await delay(5);
        still = pending > 0 || farEnd.open > 0 ? 0 : still + 1;
      }
    },
    [Symbol.asyncDispose]: () => farEnd[Symbol.asyncDispose](),
  };
}
