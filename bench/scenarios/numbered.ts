/** Load whose every recipient is another, so that it can be told what came and how often. */
import type { Running } from '../../test/journeys/harness.ts';
import { openSmtp } from '../../test/journeys/raw-smtp.ts';

/** Sends to numbered recipients over 20 sessions; gives back those that were acknowledged. */
export async function sendNumbered(
  service: Running,
  total: number,
  run: string,
  stopped: () => boolean,
): Promise<Set<string>> {
  const acked = new Set<string>();
  let next = 0;
  const body = Buffer.from(`From: <sender@sender.test>\r\nSubject: x\r\n\r\n${'x'.repeat(900)}\r\n`);
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      try {
        await using client = await openSmtp(service.ready.submission);
        while (next < total && !stopped()) {
          const address = `${run}-${next++}@out.test`;
          if (!(await client.command('MAIL FROM:<sender@sender.test>')).startsWith('250')) break;
          if (!(await client.command(`RCPT TO:<${address}>`)).startsWith('250')) break;
          if ((await client.data(body)).startsWith('250')) acked.add(address);
        }
      } catch {
        // the service is stopping: what was not acknowledged was not promised
      }
    }),
  );
  return acked;
}
