/** Twenty messages of 10 MiB at once: the memory they take, and how often the service pushed back. */
import { setTimeout as delay } from 'node:timers/promises';
import { startService } from '../../test/journeys/harness.ts';
import { openSmtp } from '../../test/journeys/raw-smtp.ts';
import { startCountingSink } from '../processes.ts';
import { prepared, type Result, rss } from './scenario.ts';

export async function large(): Promise<Result> {
  await using sink = await startCountingSink();
  const { directory, settings } = await prepared();
  await using service = await startService(
    { ...settings, HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${sink.port}` },
    directory,
  );
  const pid = service.child.pid!;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, rss(pid));
  }, 20);
  const body = Buffer.from(
    `From: <sender@sender.test>\r\nSubject: large\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(134_400)}`,
  );
  const arrived = sink.reached(20);
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      // 452 and 421 push back: the client comes again, as clients do
      for (let tries = 0; tries < 200; tries++) {
        const client = await openSmtp(service.ready.submission);
        try {
          const mail = await client.command(`MAIL FROM:<sender@sender.test> SIZE=${body.length}`);
          if (!mail.startsWith('250')) {
            await delay(200);
            continue;
          }
          await client.command('RCPT TO:<x@out.test>');
          const answer = await client.data(body);
          if (answer.startsWith('250')) return tries;
        } finally {
          await client[Symbol.asyncDispose]();
        }
      }
      throw new Error('a message was not taken');
    }),
  );
  await arrived;
  clearInterval(watch);
  return {
    messages: 20,
    octets: body.length,
    rss_mib: Math.round(most),
    pushed_back: answers.reduce((a, b) => a + b, 0),
  };
}
