/**
 * All settings of a project as one JSON document. It is read page by page and sent at once, so nothing is collected in
 * memory. It has no secrets: static keys, subscribers and DKIM keys have the same fields as in other answers. An export
 * that breaks off is not valid JSON, so nobody mistakes it for a complete one.
 */
import type { Project } from '../iam/projects.ts';
import type { Rule, RuleOf } from '../rules/rules.ts';
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
/** Called when it is the turn of this part. */
async function* asked<T>(read: () => Promise<readonly T[]>): AsyncGenerator<T> {
  yield* await read();
}
type Pieces = AsyncGenerator<string>;
async function* array<T>(
  name: string,
  items: Iterable<T> | AsyncIterable<T>,
  view: (item: T) => object | Pieces,
): Pieces {
  yield `,\n${JSON.stringify(name)}:[`;
  let lead = '\n';
  for await (const item of items) {
    const viewed = view(item);
    if (Symbol.asyncIterator in viewed) {
      yield lead;
      yield* viewed;
    } else yield `${lead}${JSON.stringify(viewed)}`;
    lead = ',\n';
  }
  yield ']';
}
/** An object: its own fields first, then arrays. */
async function* object(fields: object, ...arrays: Pieces[]): Pieces {
  yield JSON.stringify(fields).slice(0, -1);
  for (const pieces of arrays) yield* pieces;
  yield '}';
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
    (domain) => {
      const rulesOf = <F extends Rule['family']>(family: F, view: (rule: RuleOf<F>) => object) =>
        array(
          `${family}_rules`,
          asked(() => read.rules(id, domain.id, family)),
          view,
        );
      const keys = array(
        'dkim_keys',
        asked(() => read.dkimKeys(id, domain.id)),
        ({ selector, algorithm, publicRecord, state }) => ({
          selector,
          algorithm,
          record: publicRecord,
          state,
        }),
      );
      return object(
        views.domain(domain),
        rulesOf('incoming', views.incomingRule),
        rulesOf('outgoing', views.outgoingRule),
        rulesOf('event', views.eventRule),
        keys,
      );
    },
  );
  yield* array(
    'event_rules',
    asked(() => read.rules(id, null, 'event')),
    views.eventRule,
  );
  yield* array(
    'topics',
    all((page) => read.topics(id, page)),
    (topic) => {
      const subscribers = all((page) => read.subscribers(id, topic.id, page));
      return object(views.topic(topic), array('subscribers', subscribers, views.subscriber));
    },
  );
  yield* array(
    'api_clients',
    all((page) => read.apiClients(id, page)),
    (client) => {
      const keys = all((page) => read.staticKeys(id, client.id, page));
      return object(views.apiClient(client), array('static_keys', keys, views.staticKey));
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
