/** A destination site: good, with a record of what arrived, or one of the ways of being bad. */
import { type FarEnd, type FarEndSession, openFarEnd } from '../../src/testing/far-end.ts';

export type Manner = 'good' | 'refusing' | 'silent' | 'slow' | 'dropping' | 'closing';

/** Short texts: the slow site gives an octet a second, and its pace is part of the case. */
const ANSWERS: Readonly<Record<string, string>> = {
  EHLO: '250-site.test\r\n250 PIPELINING\r\n',
  DATA: '354 go\r\n',
  QUIT: '221 bye\r\n',
};

/** One octet a second. */
function saySlowly(session: FarEndSession, text: string): void {
  const octets = Buffer.from(text);
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < octets.length) session.say(octets.subarray(sent, ++sent));
    else clearInterval(timer);
  }, 1000);
  timer.unref();
}

export function startSite(
  manner: Manner,
  onMessage: (recipient: string) => void = () => {},
): Promise<FarEnd> {
  return openFarEnd({
    meet(session) {
      if (manner === 'silent') return null;
      if (manner === 'closing') {
        session.end('421 4.3.2 too busy\r\n');
        return null;
      }
      const say = (text: string) => (manner === 'slow' ? saySlowly(session, text) : session.say(text));
      let recipient = '';
      say('220 site.test\r\n');
      return (input, kind) => {
        if (kind === 'message') {
          onMessage(recipient);
          return say('250 2.0.0 taken\r\n');
        }
        const verb = input.slice(0, 4).toUpperCase();
        if (verb === 'RCPT') {
          if (manner === 'refusing') return say('451 4.2.0 not now\r\n');
          recipient = /<(.*)>/.exec(input)?.[1] ?? '';
        } else if (verb === 'DATA') {
          if (manner === 'refusing') return say('554 no recipients\r\n');
          if (manner === 'dropping') return session.drop();
          session.expectMessage();
        }
        const answer = ANSWERS[verb] ?? '250 ok\r\n';
        if (verb === 'QUIT') session.end(answer);
        else say(answer);
      };
    },
  });
}
