/**
 * Makes every event of the contract happen, in a service on loopback with a DNS server, an SMTP server and a hook. The
 * domain, its keys and its rules are made through the API.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { loadConfig } from '../../src/config/config.ts';
import { EVENT_NAMES, type EventName } from '../../src/contract/events.ts';
import { EXAMPLE_DOMAIN, EXAMPLE_URL } from '../../src/contract/example-ids.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { startService as startInProcess } from '../../src/service.ts';
import { type FarEnd, openFarEnd } from '../../src/testing/far-end.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import {
  type Bootstrapped,
  bootstrap,
  type DnsServer,
  eventually,
  startDns,
  startService,
  temporaryDirectory,
} from '../journeys/harness.ts';
import { authorization, type Json } from '../journeys/journey.ts';
import { openSmtp, send } from '../journeys/raw-smtp.ts';
import { type Call, openHook } from './hook.ts';

const MX = 'mx.example.net';
const CUSTOMER = 'customer@example.net';
const DAY_MS = 86_400_000;
/** By the local part of the recipient. */
const REPLIES: Readonly<Record<string, string>> = {
  unknown: '550 5.1.1 no such user here',
  busy: '451 4.7.1 try again later',
};
const MAIL = [
  'From: A Writer <writer@example.net>',
  `To: orders@${EXAMPLE_DOMAIN}`,
  'Date: Fri, 02 Jan 2026 03:04:05 +0000',
  'Subject: An order',
  'Message-ID: <order@example.net>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'Two boxes, please.',
  '--b',
  'Content-Type: text/csv',
  'Content-Disposition: attachment; filename=boxes.csv',
  '',
  'box,2',
  '--b--',
  '',
].join('\r\n');

export interface Made {
  readonly who: Bootstrapped;
  /** Every request that the hook got. */
  readonly calls: readonly Call[];
  /** The secret with which they are signed. */
  readonly secret: string;
  /** The ids that the events may name. */
  readonly ids: Readonly<
    Record<'domain' | 'topic' | 'incomingRule' | 'outgoingRule' | 'limitRequest', string>
  >;
  /** The OpenAPI document of EDJ. */
  readonly document: Json;
}

export async function makeEvents(): Promise<Made> {
  await using dns = await startDns(0);
  await using site = await openSite();
  await using hook = await openHook();
  const directory = temporaryDirectory();
  const settings = {
    HIKYAKU_HOSTNAME: 'mail.example.org',
    HIKYAKU_PUBLIC_URL: EXAMPLE_URL,
    HIKYAKU_DNS_SERVERS: dns.address,
    HIKYAKU_ROUTES: `*=smtp://${MX}:${site.port}`,
    HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true',
  };
  dns.set(MX, 'A', ['127.0.0.1']);
  dns.set('example.net', 'TXT', [['v=spf1 ip4:127.0.0.1 -all']]);
  const made = await inTime({ dns, settings, directory, hook });
  // The same service five days later: what still waits gets its last attempt.
  const clock = { ...systemClock, now: () => systemClock.now() + 5 * DAY_MS };
  const stop = new AbortController();
  {
    await using _ = await startInProcess(loadConfig(made.env), silentLogger, stop.signal, { clock });
    await eventually('expired', async () => hook.calls.some(({ body }) => nameOf(body) === 'expired'));
  }
  rmSync(directory, { recursive: true, force: true });
  const missing = EVENT_NAMES.filter((name) => !hook.calls.some(({ body }) => nameOf(body) === name));
  assert.deepEqual(missing, [], 'these events did not come');
  return { ...made, calls: [...hook.calls] };
}
const nameOf = (body: Buffer): EventName => JSON.parse(body.toString('utf8')).name;

/** An SMTP server with STARTTLS that accepts, refuses and defers as the recipient's name says. */
async function openSite(): Promise<FarEnd> {
  const pair = await selfSigned(MX);
  return openFarEnd({
    meet(session) {
      session.say(`220 ${MX} ESMTP\r\n`);
      return (input, kind) => {
        if (kind === 'message') return session.say('250 2.0.0 message accepted\r\n');
        const verb = input.slice(0, 4).toUpperCase();
        if (verb === 'EHLO')
          return session.say(`250-${MX}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 STARTTLS\r\n`);
        if (verb === 'STAR') {
          session.say('220 2.0.0 go ahead\r\n');
          return session.secure(pair);
        }
        if (verb === 'QUIT') return session.end('221 2.0.0 bye\r\n');
        if (verb === 'DATA') {
          session.expectMessage();
          return session.say('354 go ahead\r\n');
        }
        const [, local = ''] = /^RCPT TO:<(.*)@/i.exec(input) ?? [];
        session.say(`${REPLIES[local] ?? '250 2.1.5 ok'}\r\n`);
      };
    },
  });
}

interface Stage {
  readonly dns: DnsServer;
  readonly settings: Record<string, string>;
  readonly directory: string;
  readonly hook: { readonly url: string; readonly calls: readonly Call[] };
}
/** Everything but `expired`. */
async function inTime({ dns, settings, directory, hook }: Stage) {
  await using service = await startService(settings, directory, true);
  const who = await bootstrap(service.env, 'example.org', '--project', 'shop', '--role', 'admin');
  const ops = await bootstrap(service.env, 'example.org', '--project', 'shop', '--role', 'operator');
  const call = async (method: string, path: string, body?: unknown, as = who): Promise<Json> => {
    const response = await fetch(`http://${service.ready.http}${path}`, {
      method,
      headers: { authorization: authorization(as), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  /** The first event of this name that is as wanted. */
  const came = (name: EventName, isWanted: (content: Json) => boolean = () => true): Promise<Json> =>
    eventually(name, async () => {
      const events: Json[] = hook.calls.map(({ body }) => JSON.parse(body.toString('utf8')));
      return events.find((event) => event.name === name && isWanted(event.content));
    });

  const topic = await call('POST', '/edj/v1/topics', { name: 'shop' });
  const subscriber = await call('POST', `/edj/v1/topics/${topic.id}/subscribers`, {
    type: 'http',
    url: hook.url,
  });
  const to = { topic: { self: topic.self } };
  await call('POST', '/mta/v1/event_rules', {
    names: EVENT_NAMES.filter((name) => name.includes('.')),
    ...to,
  });
  await call('POST', '/edj/v1/tasks?is_sync=true', {
    procedure: 'publish',
    arguments: { ...topicSelf(topic), message: 'The shop opens.' },
  });
  await came('publish');

  const domain = await domainOf({ dns, call, topic });
  await came('domain.verified');
  const path = `/mta/v1/domains/${domain.id}`;
  dns.set(EXAMPLE_DOMAIN, 'MX', []);
  await call('POST', `${path}/dns/check`);
  await came('domain.dns_error');
  dns.set(EXAMPLE_DOMAIN, 'MX', [{ preference: 10, exchange: 'mail.example.org' }]);
  await call('POST', `${path}/dns/check`);
  await came('domain.dns_recovered');
  await call('POST', `${path}/dkim_keys`, { algorithm: 'ed25519' });
  await came('dkim.rotated');

  const account = { type: 'account', local_part: 'orders', ...to };
  const incomingRule = await call('POST', `${path}/incoming_rules`, account);
  const outgoingRule = await call('POST', `${path}/outgoing_rules`, to);
  await call('POST', `${path}/event_rules`, {
    names: ['accepted', 'delivered', 'deferred', 'bounced', 'expired', 'held', 'cancelled'],
    ...to,
  });
  {
    await using client = await openSmtp(service.ready.mx);
    assert.match(await client.command(`EHLO ${MX}`), /^250/);
    const answer = await send(client, 'writer@example.net', [`orders@${EXAMPLE_DOMAIN}`], Buffer.from(MAIL));
    assert.match(answer, /^250 /);
  }
  await came('incoming');

  const letterTo = (recipient: string) =>
    call('POST', '/mta/v1/tasks?is_sync=true', {
      procedure: 'send_message',
      arguments: {
        self: domain.self,
        from: [`The Shop <shop@${EXAMPLE_DOMAIN}>`],
        to: [recipient],
        message_id: `<order-1@${EXAMPLE_DOMAIN}>`,
        subject: 'Your order',
        content_type: 'text/plain; charset=UTF-8',
        body: 'It is on its way.\n',
      },
    });
  await letterTo(CUSTOMER);
  for (const name of ['outgoing', 'accepted', 'delivered'] as const) await came(name);
  await letterTo('unknown@example.net');
  await came('bounced');
  await letterTo('busy@example.net');
  await came('deferred');
  await call('POST', '/mta/v1/queues', {
    action: 'suspend',
    filter: { domain: 'example.net' },
    reason: 'their server is being moved',
  });
  await letterTo('later@example.net');
  await came('held');
  await call('POST', '/mta/v1/queues', { action: 'cancel', filter: { state: 'held' } });
  await came('cancelled');
  await call('POST', '/mta/v1/queues', { action: 'resume', all: true });

  await call('PUT', '/mta/v1/limits', { per_minute: 300, per_day: 10 }, ops);
  for (let sent = 4; sent < 8; sent += 1) await letterTo(CUSTOMER);
  await came('limit.approaching');
  for (let sent = 8; sent < 10; sent += 1) await letterTo(CUSTOMER);
  await assert.rejects(letterTo(CUSTOMER), /: 429 /);
  await came('limit.exceeded');
  const limitRequest = await call('POST', '/mta/v1/limit_requests', {
    per_day: 1000,
    reason: 'more customers',
  });
  await call('POST', `/mta/v1/limit_requests/${limitRequest.id}/approve`, {}, ops);
  await came('limit.raised');
  return {
    who,
    env: service.env,
    secret: String(subscriber.secret),
    ids: {
      domain: String(domain.id),
      topic: String(topic.id),
      incomingRule: String(incomingRule.id),
      outgoingRule: String(outgoingRule.id),
      limitRequest: String(limitRequest.id),
    },
    document: await call('GET', '/edj/v1/openapi.json'),
  };
}
const topicSelf = ({ self }: { readonly self: string }) => ({ self });

/** The example domain: proved in DNS, set up for mail, with all its records. */
async function domainOf({
  dns,
  call,
  topic,
}: {
  readonly dns: DnsServer;
  readonly call: (method: string, path: string, body?: unknown) => Promise<Json>;
  readonly topic: { readonly self: string };
}): Promise<{ readonly id: string; readonly self: string }> {
  const txt = (...values: string[]) => values.map((value) => value.match(/.{1,255}/gs) ?? ['']);
  const owned = await call('POST', '/iam/v1/domains', { name: EXAMPLE_DOMAIN });
  dns.set(owned.ownership.name, 'TXT', txt(owned.ownership.value));
  await call('POST', `/iam/v1/domains/${owned.id}/verify`);
  const domain = await call('POST', '/mta/v1/domains', {
    domain: { self: owned.self },
    default_topic: { self: topic.self },
  });
  const { records } = await call('GET', `/mta/v1/domains/${domain.id}/dns`);
  for (const { type, name, value } of records)
    if (type === 'MX')
      dns.set(name, 'MX', [{ preference: Number(value.split(' ')[0]), exchange: value.split(' ')[1] }]);
    else if (type === 'TXT') dns.set(name, 'TXT', txt(value));
  dns.set('_spf.mail.example.org', 'TXT', txt('v=spf1 ip4:127.0.0.1 -all'));
  await call('POST', `/mta/v1/domains/${domain.id}/dns/check`);
  return domain;
}
