/**
 * A project's control plane as one JSON document, made while it is sent: page after page is read, nothing is gathered. No
 * secret is in it: of keys, subscribers and DKIM keys only what is shown elsewhere, too. An export that breaks off is no
 * JSON, so that nobody takes it for whole.
 */
import type { Project } from '../iam/types.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';
import { auditView } from './audit.ts';
import type { Views } from './context.ts';
import type { ApiDeps } from './deps.ts';

const PAGE = 200;
export const EXPORT_FORMAT = 'hikyaku-project';

async function* all<T>(read: (page: PageRequest) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read({ limit: PAGE, cursor });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== null);
}
async function* array<T>(
  name: string,
  items: AsyncIterable<T>,
  view: (item: T) => object | Promise<object>,
): AsyncGenerator<string> {
  yield `,\n${JSON.stringify(name)}:[`;
  let first = true;
  for await (const item of items) {
    yield `${first ? '\n' : ',\n'}${JSON.stringify(await view(item))}`;
    first = false;
  }
  yield ']';
}

export async function* exportProject(
  { read, clock }: Pick<ApiDeps, 'read' | 'clock'>,
  views: Views,
  project: Project,
): AsyncGenerator<string> {
  const { id } = project;
  const head = { format: EXPORT_FORMAT, version: 1, taken_at: new Date(clock.now()).toISOString() };
  yield `${JSON.stringify(head).slice(0, -1)},\n"project":${JSON.stringify(views.project(project))}`;
  yield* array(
    'domains',
    all((page) => read.ownedDomains(id, page)),
    views.owned,
  );
  yield* array(
    'mta_domains',
    all((page) => read.domains(id, page)),
    async (domain) => {
      const rules = await Promise.all(
        (['incoming', 'outgoing', 'event'] as const).map((family) => read.rules(id, domain.id, family)),
      );
      const keys = await read.dkimKeys(id, domain.id);
      return {
        ...views.domain(domain),
        incoming_rules: rules[0]!.map(views.rule),
        outgoing_rules: rules[1]!.map(views.rule),
        event_rules: rules[2]!.map(views.rule),
        dkim_keys: keys.map(({ selector, algorithm, publicRecord, state }) => ({
          selector,
          algorithm,
          record: publicRecord,
          state,
        })),
      };
    },
  );
  async function* projectRules() {
    yield* await read.rules(id, null, 'event');
  }
  yield* array('event_rules', projectRules(), views.rule);
  yield* array(
    'topics',
    all((page) => read.topics(id, page)),
    async (topic) => {
      const subscribers: object[] = [];
      for await (const one of all((page) => read.subscribers(id, topic.id, page)))
        subscribers.push(views.subscriber(one));
      return { ...views.topic(topic), subscribers };
    },
  );
  yield* array(
    'api_clients',
    all((page) => read.apiClients(id, page)),
    async (client) => {
      const keys: object[] = [];
      for await (const key of all((page) => read.staticKeys(id, client.id, page)))
        keys.push(views.staticKey(key));
      return { ...views.apiClient(client), static_keys: keys };
    },
  );
  yield* array(
    'roles',
    all((page) => read.roles(id, page)),
    ({ name, operations }) => ({ name, operations }),
  );
  yield* array(
    'members',
    all((page) => read.projectMembers(id, page)),
    ({ member, membership }) => ({ email: member.email, name: member.name, roles: membership.roles }),
  );
  yield* array(
    'audit_events',
    all((page) => read.auditEvents(id, {}, page)),
    auditView,
  );
  yield '}\n';
}
