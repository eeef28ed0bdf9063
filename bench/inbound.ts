/**
 * Mail from the Internet in the setting users have: SPF, DKIM and DMARC published in a DNS server on loopback, a signed
 * message of 4 KiB, and one HTTP hook that answers at once. What counts is the arrival at the hook.
 */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { signDkim } from '../src/verify/sign.ts';
import { type Bootstrapped, type Running, startDns } from '../test/journeys/harness.ts';
import type { Load } from './generator.ts';
import type { CountingSink } from './processes.ts';

export interface Inbound {
  readonly settings: Readonly<Record<string, string>>;
  readonly load: Pick<Load, 'message' | 'sender' | 'recipient'>;
  readonly arrivals: Pick<CountingSink, 'count' | 'reached'>;
  /** The hook hears the topic of the catch-all rule. */
  subscribe(service: Running, who: Bootstrapped): Promise<void>;
}
const SENDER = 'author@remote.test';
const RECIPIENT = 'inbox@sender.test';

export async function prepareInbound(stack: AsyncDisposableStack): Promise<Inbound> {
  const dns = stack.use(await startDns(3600));
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const p = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  dns.set('remote.test', 'TXT', ['v=spf1 ip4:127.0.0.1 -all']);
  dns.set('s1._domainkey.remote.test', 'TXT', [[`v=DKIM1; k=rsa; p=${p.slice(0, 200)}`, p.slice(200)]]);
  dns.set('_dmarc.remote.test', 'TXT', ['v=DMARC1; p=reject']);
  const unsigned = [
    `From: Author <${SENDER}>`,
    `To: <${RECIPIENT}>`,
    'Subject: bench',
    'Date: Fri, 27 Nov 2026 09:00:00 +0000',
    'Message-ID: <bench@remote.test>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=UTF-8',
    '',
    ...Array.from({ length: 54 }, () => 'x'.repeat(74)),
    '',
  ].join('\r\n');
  const signature = await signDkim({
    message: Buffer.from(unsigned),
    domain: 'remote.test',
    keys: [{ selector: 's1', algorithm: 'rsa-sha256', privateKey }],
    now: Date.now(),
  });
  const state = { count: 0, wanted: Number.POSITIVE_INFINITY, arrived: () => {} };
  const hook = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(204).end();
      state.count += 1;
      if (state.count >= state.wanted) state.arrived();
    });
  });
  hook.listen(0, '127.0.0.1');
  await once(hook, 'listening');
  stack.defer(() => {
    hook.closeAllConnections();
    hook.close();
  });
  return {
    settings: { HIKYAKU_DNS_SERVERS: dns.address, HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true' },
    load: { message: signature + unsigned, sender: SENDER, recipient: RECIPIENT },
    arrivals: {
      get count() {
        return state.count;
      },
      reached: (total) =>
        new Promise((resolve) => {
          state.wanted = total;
          state.arrived = resolve;
          if (state.count >= total) resolve();
        }),
    },
    async subscribe(service, who) {
      const url = `http://${service.ready.http}/edj/v1/topics/${who.topic_id}/subscribers`;
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          type: 'http',
          url: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`,
        }),
      });
      if (response.status !== 201)
        throw new Error(`no subscriber: ${response.status} ${await response.text()}`);
    },
  };
}
