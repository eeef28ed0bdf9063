/**
 * A project with everything that the documents' examples mention: a real id for each example id. Two such
 * projects in one service are the two sides of a cross-tenant test.
 */
import { generateKeyPairSync } from 'node:crypto';
import {
  EXAMPLE,
  EXAMPLE_DNS,
  EXAMPLE_DOMAIN,
  EXAMPLE_PRIVATE_KEY,
  EXAMPLE_URL,
  type ProjectExampleName,
} from '../../src/contract/example-ids.ts';
import { OPERATOR_PERMISSIONS } from '../../src/contract/permissions.ts';
import { startFakeGehirnDns } from '../../src/testing/fake-gehirn-dns.ts';
import { type Bootstrapped, bootstrap, eventually } from './harness.ts';
import type { Journey, Json } from './journey.ts';
import type { Found } from './openapi.ts';

export interface Prepared extends AsyncDisposable {
  readonly who: Bootstrapped;
  readonly domain: string;
  readonly ids: Readonly<Record<ProjectExampleName, string>>;
  /** Replaces example ids, URL and domain in any JSON value by the real ones. */
  real<T>(value: T): T;
  /** Who may call it: the project's key, or the key of an operator of its own. */
  keyFor(found: Found): Bootstrapped;
  /** Makes again what a call consumes, so that its example works afterwards. */
  ready(found: Found): Promise<void>;
  /** Makes what this DELETE removes if no POST makes it; returns its id. */
  anew(found: Pick<Found, 'id'>): Promise<string | undefined>;
}

export async function prepareProject(journey: Journey, domain: string, project: string): Promise<Prepared> {
  const { env } = journey.service;
  const base = `http://${journey.service.ready.http}`;
  const ofProject = ['--project', project];
  // The first owner stays an owner; the second is the member of the examples.
  const spare = await bootstrap(env, `spare-${domain}`, ...ofProject, '--email', `keeper@${domain}`);
  const who = await bootstrap(env, domain, ...ofProject, '--role', 'owner', '--email', `member@${domain}`);
  const operator = await bootstrap(env, domain, ...ofProject, '--role', 'operator');
  const call = async (method: string, path: string, body?: unknown, as = who): Promise<Json> => {
    const { status, json } = await journey.call(method, path, body, as);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  };
  const make = async (path: string, body: object): Promise<string> => (await call('POST', path, body)).id;
  const topic = { self: `${base}/edj/v1/topics/${who.topic_id}` };
  const owned = await call('GET', '/iam/v1/domains');
  const ownedId = (name: string): string => owned.items.find((item: Json) => item.name === name).id;
  // The second domain stays proved and is no longer set up for mail.
  await call('DELETE', `/mta/v1/domains/${spare.domain_id}`);
  const ofDomain = `/mta/v1/domains/${who.domain_id}`;
  const incoming = await call('GET', `${ofDomain}/incoming_rules`);
  const outgoingRule = await make(`${ofDomain}/outgoing_rules`, { topic });
  const eventRule = await make(`${ofDomain}/event_rules`, { names: ['delivered'], topic });
  const projectEventRule = await make('/mta/v1/event_rules', { names: ['limit.raised'], topic });
  const subscriber = await make(`/edj/v1/topics/${who.topic_id}/subscribers`, {
    type: 'http',
    url: `${journey.sink.http}/hook`,
  });
  const apiClient = await make('/iam/v1/api_clients', { name: 'prepared', roles: ['sender'] });
  const staticKey = await make(`/iam/v1/api_clients/${apiClient}/static_keys`, {});
  const memberId = async (email: string): Promise<string> =>
    (await call('GET', '/iam/v1/members')).items.find((item: Json) => item.email === email).id;
  const member = await memberId(`member@${domain}`);
  const role = await make('/iam/v1/roles', { name: 'prepared', operations: ['mta.queues.list'] });
  const invitation = await make('/iam/v1/invitations', { email: `guest@${domain}`, roles: ['reader'] });
  const sent = await call('POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: who.domain_url,
      from: [`shop@${domain}`],
      to: ['someone@elsewhere.test'],
      subject: `of ${project}`,
      content_type: 'text/plain',
      body: `a letter of ${project}\n`,
    },
  });
  const published = await call('POST', '/edj/v1/tasks?is_sync=true', {
    procedure: 'publish',
    arguments: { self: topic.self, message: `news of ${project}` },
  });
  const suspended = await call('POST', '/mta/v1/queues', {
    action: 'suspend',
    filter: { domain: 'nowhere.test' },
  });
  const dkimKey = await make(`${ofDomain}/dkim_keys`, { algorithm: 'ed25519' });
  // Its zone has somebody else's mail host; one change was made in it, and another is planned.
  const zones = await startFakeGehirnDns({ zones: [domain], editable: false });
  const foreignMx = (exchange: string) =>
    zones.put(domain, {
      name: `${domain}.`,
      type: 'MX',
      enable_alias: false,
      ttl: 600,
      records: [{ prio: 5, exchange }],
    });
  const settings = { token_id: zones.token.id, secret: zones.token.secret, api_url: zones.url };
  const account = await call('POST', '/mta/v1/dns_accounts', { provider: 'gehirn', name: 'mine', settings });
  const accountRef = { account: { self: account.self } };
  const plan = () => call('POST', `${ofDomain}/dns/plan`, accountRef);
  const change = await call('POST', `${ofDomain}/dns/apply`, {
    ...accountRef,
    plan_id: (await plan()).id,
    replace_mx: false,
  });
  foreignMx('mx.example.net.');
  const dnsPlan = (await plan()).id;
  const limits = { per_minute: 100_000, per_day: 1_000_000 };
  await call('PUT', '/mta/v1/limits', limits, operator);
  const asked = await make('/mta/v1/limit_requests', { per_minute: 200_000, reason: `of ${project}` });
  const ownKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  await eventually('the letter is out', async () => {
    const message = await call('GET', `/mta/v1/messages/${sent.result.id}`);
    return message.recipients.every((recipient: Json) => recipient.state === 'delivered');
  });
  const ids: Record<ProjectExampleName, string> = {
    project: who.project_id,
    apiClient,
    staticKey,
    ownedDomain: ownedId(domain),
    provedDomain: ownedId(`spare-${domain}`),
    domain: who.domain_id,
    topic: who.topic_id,
    subscriber,
    incomingRule: incoming.items[0].id,
    outgoingRule,
    eventRule,
    projectEventRule,
    message: sent.result.id,
    sendTask: sent.id,
    publishTask: published.id,
    suspension: suspended.suspension,
    event: published.result.event_id,
    dkimKey,
    dnsAccount: account.id,
    dnsPlan,
    dnsChange: change.id,
    limitRequest: asked,
    member,
    invitation,
    role,
  };
  return {
    who,
    domain,
    ids,
    async anew({ id }) {
      if (id !== 'iam.members.delete') return undefined;
      // By its current name.
      const { name } = await call('GET', `/iam/v1/projects/${who.project_id}`);
      await bootstrap(env, domain, '--project', name, '--email', `leaver@${domain}`);
      return memberId(`leaver@${domain}`);
    },
    real(value) {
      if (value === undefined) return value;
      let text = JSON.stringify(value)
        .replaceAll(EXAMPLE_URL, base)
        .replaceAll(`@${EXAMPLE_DOMAIN}`, `@${domain}`)
        .replaceAll('https://hook.example', journey.sink.http)
        .replaceAll(JSON.stringify(EXAMPLE_DNS), JSON.stringify(settings))
        .replaceAll(JSON.stringify(EXAMPLE_PRIVATE_KEY), JSON.stringify(ownKey));
      for (const name of Object.keys(EXAMPLE) as ProjectExampleName[])
        text = text.replaceAll(EXAMPLE[name], ids[name]);
      return JSON.parse(text);
    },
    keyFor: ({ operation }) => (OPERATOR_PERMISSIONS.includes(operation['x-operation']) ? operator : who),
    async ready({ method, path }) {
      if (method !== 'POST' || !path.startsWith('/mta/v1/limit_requests')) return;
      const { items } = await call('GET', '/mta/v1/limit_requests?state=open');
      for (const { id } of items) await call('POST', `/mta/v1/limit_requests/${id}/cancel`);
      // The examples request more than this.
      await call('PUT', '/mta/v1/limits', { per_minute: 300, per_day: 10_000 }, operator);
      if (path.includes('{'))
        ids.limitRequest = await make('/mta/v1/limit_requests', { per_minute: 600, reason: 'more' });
    },
    [Symbol.asyncDispose]: () => zones[Symbol.asyncDispose](),
  };
}
