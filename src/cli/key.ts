/**
 * `hikyaku key`: creates, lists and deletes static keys of an API client. Without `--client` it acts on the
 * API client of the key in use.
 */
import { connectLines } from '../api/connect.ts';
import type { Resources } from '../contract/resources/index.ts';
import { ACCESS_OPTIONS, type ApiClient, clientOf } from './api-client.ts';
import { type CommandContext, parseWordsAndOptions, UsageError } from './usage.ts';

const ACTIONS = ['create', 'list', 'delete'] as const;
interface Key {
  readonly id: string;
  readonly expires_at: string | null;
  readonly created_at: string;
}

/** All items of a list, page by page. */
async function everything(client: ApiClient, path: string): Promise<{ readonly id: string }[]> {
  const items: { id: string }[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: { id: string }[]; next_cursor: string | null } = await client.get(
      `${path}?limit=500${cursor === null ? '' : `&cursor=${cursor}`}`,
    );
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return items;
}
/** The key is made already, so a refusal here is only told. */
async function whereToConnect(client: ApiClient): Promise<readonly string[]> {
  const answer = await client.ask({ method: 'GET', path: '/mta/v1/settings' });
  if (answer.status !== 200)
    return ['A key that may read the settings learns where to connect: hikyaku api mta.settings.get'];
  return connectLines((answer.json as unknown as Resources['Settings']).connect);
}
const keysOf = (apiClient: string) => `/iam/v1/api_clients/${encodeURIComponent(apiClient)}/static_keys`;
async function ownerOf(client: ApiClient, key: string): Promise<string> {
  for (const { id } of await everything(client, '/iam/v1/api_clients'))
    if ((await everything(client, keysOf(id))).some((one) => one.id === key)) return id;
  throw new Error(`no API client of the project has the key ${key}`);
}

export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { words, options } = parseWordsAndOptions(args, {
    ...ACCESS_OPTIONS,
    client: { type: 'string' },
    'expires-at': { type: 'string' },
    json: { type: 'boolean' },
  });
  const [action, id, ...rest] = words;
  if (!(ACTIONS as readonly (string | undefined)[]).includes(action))
    throw new UsageError(`one of these is needed: ${ACTIONS.join(', ')}`);
  if ((id === undefined) === (action === 'delete') || rest.length > 0)
    throw new UsageError(action === 'delete' ? 'the id of one key is needed' : `${action} takes no id`);
  if (options['expires-at'] !== undefined && action !== 'create')
    throw new UsageError('--expires-at is for create');
  const client = clientOf(options, context);
  const owner = options.client ?? (await ownerOf(client, id ?? client.keyId!));
  const print = (value: unknown, lines: readonly string[]) =>
    void process.stdout.write(
      options.json === true ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(''),
    );
  switch (action) {
    case 'create': {
      const expires = options['expires-at'];
      const key = await client.change(
        'POST',
        keysOf(owner),
        expires === undefined ? {} : { expires_at: expires },
      );
      print(key, [
        `key id  ${key.id}`,
        `secret  ${key.secret}   (shown only now)`,
        '',
        ...(await whereToConnect(client)),
      ]);
      return 0;
    }
    case 'list': {
      const keys = (await everything(client, keysOf(owner))) as Key[];
      print(
        keys,
        keys.map(
          (key) =>
            `${key.id}  created ${key.created_at}  ${key.expires_at === null ? 'does not expire' : `expires ${key.expires_at}`}`,
        ),
      );
      return 0;
    }
    default: {
      await client.change('DELETE', `${keysOf(owner)}/${encodeURIComponent(id!)}`);
      print({ id, deleted: true }, [`${id} is deleted`]);
      return 0;
    }
  }
}
