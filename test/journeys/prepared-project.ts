/**
 * A project in which everything exists that the documents' examples speak of: for each example id a real one. Two of
 * them in one service give the sides of a cross-tenant test.
 */
import {
  EXAMPLE,
  EXAMPLE_DOMAIN,
  EXAMPLE_URL,
  type ExampleName,
} from '../../src/api/reference/example-ids.ts';
import { type Bootstrapped, bootstrap, eventually } from './harness.ts';
import type { Journey, Json } from './journey.ts';
import type { Found } from './openapi.ts';

export interface Prepared {
  readonly who: Bootstrapped;
  readonly domain: string;
  readonly ids: Readonly<Record<ExampleName, string>>;
  /** Example ids, URL and domain in any JSON value, replaced by the real ones. */
  real<T>(value: T): T;
  /** Makes what this DELETE removes where no POST makes it; its id. */
  anew(found: Pick<Found, 'id'>): Promise<string | undefined>;
}

export async function prepareProject(journey: Journey, domain: string, project: string): Promise<Prepared> {
  const { env } = journey.service;
  const base = `http://${journey.service.ready.http}`;
  const ofProject = ['--project', project];
  // The first owner stays one; the second is the member of the examples.
  const spare = await bootstrap(env, `spare-${domain}`, ...ofProject, '--email', `keeper@${domain}`);
  const who = await bootstrap(env, domain, ...ofProject, '--role', 'owner', '--email', `member@${domain}`);
  const call = async (method: string, path: string, body?: unknown): Promise<Json> => {
    const { status, json } = await journey.call(method, path, body, who);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  };
  const make = async (path: string, body: object): Promise<string> => (await call('POST', path, body)).id;
  const topic = { self: `${base}/edj/v1/topics/${who.topic_id}` };
  const owned = await call('GET', '/iam/v1/domains');
  const ownedId = (name: string): string => owned.items.find((item: Json) => item.name === name).id;
  // The second domain stays proved and stops being set up for mail.
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
  await eventually('the letter is out', async () => {
    const message = await call('GET', `/mta/v1/messages/${sent.result.id}`);
    return message.recipients.every((recipient: Json) => recipient.state === 'delivered');
  });
  const ids: Record<ExampleName, string> = {
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
      // By the name it has now.
      const { name } = await call('GET', `/iam/v1/projects/${who.project_id}`);
      await bootstrap(env, domain, '--project', name, '--email', `leaver@${domain}`);
      return memberId(`leaver@${domain}`);
    },
    real(value) {
      if (value === undefined) return value;
      let text = JSON.stringify(value)
        .replaceAll(EXAMPLE_URL, base)
        .replaceAll(`@${EXAMPLE_DOMAIN}`, `@${domain}`)
        .replaceAll('https://hook.example', journey.sink.http);
      for (const name of Object.keys(EXAMPLE) as ExampleName[])
        text = text.replaceAll(EXAMPLE[name], ids[name]);
      return JSON.parse(text);
    },
  };
}
