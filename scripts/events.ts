/**
 * Writes the blocks of docs/events.md and docs/events.ja.md that come from the code: the events with their fields and
 * examples (contract), the header fields of a delivery, the times of its attempts (edj/retries), the verifiers
 * (docs/verifiers). The tutorial of a hook has one of the verifiers as a file to save. A block stands between `<!-- from the code: NAME -->` and `<!-- end -->`. With `--check` it fails if a block
 * is not as it should be.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { TSchema } from 'typebox';
import { EVENT_CONTENTS } from '../src/contract/event-contents.ts';
import { EVENT_EXAMPLES } from '../src/contract/event-examples.ts';
import { EVENT_NAMES, EVENTS, type EventKind, type EventName } from '../src/contract/events.ts';
import { DELIVERY_HEADERS } from '../src/contract/hooks.ts';
import { RESOURCES } from '../src/contract/resources/index.ts';
import {
  AT_ONCE,
  DOWN_MS,
  FEWEST_ATTEMPTS,
  GIVE_UP_MS,
  isLast,
  LONGEST_WAIT_MS,
  MAX_ANSWER,
  PATIENCE_MS,
  PROBE_MS,
  TIMEOUT_MS,
  waitAfter,
} from '../src/edj/retries.ts';
import { JAPANESE } from './events-ja.ts';

type Language = 'en' | 'ja';
type Words = Readonly<Record<Language, string>>;
type Schema = TSchema & {
  readonly type?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly description?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
};
const used = new Set<string>();

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
const code = (value: string) => `\`${value}\``;
const fence = (language: string, text: string) => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;

const TYPES = {
  time: { en: 'time', ja: '時刻' },
  uuid: { en: 'UUID', ja: 'UUID' },
  url: { en: 'URL', ja: 'URL' },
  string: { en: 'string', ja: '文字列' },
  integer: { en: 'integer', ja: '整数' },
  boolean: { en: 'boolean', ja: '真偽値' },
  object: { en: 'object', ja: 'オブジェクト' },
} as const satisfies Record<string, Words>;
/** The schema without null. */
const present = (schema: Schema): Schema =>
  schema.anyOf?.some(({ type }) => type === 'null') === true
    ? schema.anyOf.find(({ type }) => type !== 'null')!
    : schema;

function typeOf(schema: Schema, language: Language): string {
  const inner = present(schema);
  if (inner !== schema) return `${typeOf(inner, language)}${language === 'en' ? ' or null' : 'または null'}`;
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum?.length === EVENT_NAMES.length) return TYPES.string[language];
  if (schema.enum !== undefined) return schema.enum.map((value) => code(JSON.stringify(value))).join(', ');
  if (schema.format === 'date-time') return TYPES.time[language];
  if (schema.format === 'uri') return TYPES.url[language];
  if (schema.anyOf !== undefined) return TYPES.object[language];
  if (schema.pattern !== undefined) return TYPES.uuid[language];
  if (schema.type === 'array') {
    const item = typeOf(schema.items!, language);
    return language === 'en' ? `list: ${item}` : `配列: ${item}`;
  }
  const { patternProperties = {} } = schema;
  for (const value of Object.values(patternProperties))
    return `${TYPES.object[language]}: ${typeOf(value, language)}`;
  const name = TYPES[schema.type as keyof typeof TYPES];
  if (name === undefined) throw new Error(`no word for the type ${JSON.stringify(schema)}`);
  return name[language];
}
function describe(path: string, schema: Schema, language: Language): string {
  const english = schema.description ?? present(schema).description;
  if (english === undefined) throw new Error(`${path} has no description in the contract`);
  const japanese = JAPANESE[english];
  if (japanese === undefined) throw new Error(`scripts/events-ja.ts lacks: ${english}`);
  used.add(english);
  return language === 'en' ? english : japanese;
}
/** One row for each field, its own fields below it. What has the same form as a field before is shown once. */
function fieldTable(schema: Schema, language: Language, prefix = ''): string {
  const shown = new Map<string, string>();
  function rowsOf({ properties = {}, required = [] }: Schema, above: string): string[][] {
    return Object.entries(properties).flatMap(([name, field]) => {
      const path = `${above}${name}`;
      const { items } = present(field);
      const below = `${path}${items === undefined ? '' : '[]'}`;
      const inner = present(items ?? field);
      const form = JSON.stringify(inner.properties);
      const same = form === undefined ? undefined : shown.get(form);
      if (form !== undefined && same === undefined) shown.set(form, below);
      const isAlways = required.includes(name);
      const as =
        same === undefined ? '' : { en: `, as ${code(same)}`, ja: `（${code(same)} と同じ）` }[language];
      const row = [
        code(path),
        `${typeOf(field, language)}${as}`,
        { en: isAlways ? 'yes' : 'no', ja: isAlways ? '常に' : '場合による' }[language],
        describe(path, field, language),
      ];
      return [row, ...(same === undefined ? rowsOf(inner, `${below}.`) : [])];
    });
  }
  return table(FIELD_HEAD[language], rowsOf(schema, prefix));
}
const FIELD_HEAD: Readonly<Record<Language, readonly string[]>> = {
  en: ['field', 'type', 'always there', 'meaning'],
  ja: ['フィールド', '型', '有無', '意味'],
};
const ASKED: Readonly<Record<Exclude<EventKind['by'], 'message'> | 'incoming' | 'outgoing', Words>> = {
  incoming: { en: 'a receive rule of the domain', ja: 'ドメインの受信ルール' },
  outgoing: { en: 'a send rule of the domain', ja: 'ドメインの送信ルール' },
  delivery: { en: 'an event rule of the domain', ja: 'ドメインのイベントルール' },
  project: { en: 'an event rule of the project', ja: 'プロジェクトのイベントルール' },
  hand: { en: 'a call of `publish`', ja: '`publish` の呼び出し' },
};
function askedBy(name: EventName): keyof typeof ASKED {
  const { by } = EVENTS[name];
  return by === 'message' ? (name as 'incoming' | 'outgoing') : by;
}
/** As GitHub makes it from a heading that is a name in backticks. */
const anchor = (name: string) => `#${name.replaceAll('.', '')}`;

function list(language: Language): string {
  const head =
    language === 'en' ? ['event', 'when', 'what asks for it'] : ['イベント', '届くとき', '指定するもの'];
  return table(
    head,
    EVENT_NAMES.map((name) => {
      const { when } = EVENTS[name];
      return [`[${code(name)}](${anchor(name)})`, when[language], ASKED[askedBy(name)][language]];
    }),
  );
}
/** Events whose content has the same schema share one table. */
function events(language: Language): string {
  const shown = new Map<TSchema, EventName>();
  return EVENT_NAMES.map((name) => {
    const schema = EVENT_CONTENTS[name];
    const { when, label, service } = EVENTS[name];
    const first = shown.get(schema);
    if (first === undefined) shown.set(schema, name);
    const head = {
      en: `${label.en}. \`service\` is \`${service}\`. ${when.en}`,
      ja: `${label.ja}（\`service\` は \`${service}\`）。${when.ja}`,
    }[language];
    const same = first === undefined ? null : `[${code(first)}](${anchor(first)})`;
    const contents =
      same === null
        ? fieldTable(schema as Schema, language, 'content.')
        : {
            en: `\`content\` has the fields of ${same}.`,
            ja: `\`content\` のフィールドは ${same} と同じです。`,
          }[language];
    return `### \`${name}\`\n\n${head}\n\n${contents}\n\n${fence('json', JSON.stringify(EVENT_EXAMPLES[name], null, 2))}`;
  }).join('\n\n');
}

function headers(language: Language): string {
  return table(
    language === 'en' ? ['field', 'value'] : ['フィールド', '値'],
    Object.entries(DELIVERY_HEADERS).map(([name, value]) => [code(name), value[language]]),
  );
}
function duration(ms: number, language: Language): string {
  const [seconds, en, ja] =
    ms % 3_600_000 === 0 ? [3600, 'h', '時間'] : ms % 60_000 === 0 ? [60, 'min', '分'] : [1, 's', '秒'];
  return `${ms / 1000 / seconds} ${language === 'en' ? en : ja}`;
}
/** To the nearest unit that people would say. */
function roughly(ms: number, language: Language): string {
  const unit = [86_400_000, 3_600_000, 60_000, 1000].find((size) => ms >= 2 * size) ?? 1000;
  return duration(Math.round(ms / unit) * unit, language).replace(/^(\d+) (?:h|時間)$/, (text, hours) =>
    Number(hours) >= 48 ? `${Number(hours) / 24} ${language === 'en' ? 'days' : '日'}` : text,
  );
}
function retries(language: Language): string {
  const rows: string[][] = [];
  let since = 0;
  for (let attempt = 1; ; attempt += 1) {
    const ends = isLast(attempt, since);
    const [least, wait, most] = [0, 0.5, 1].map((f) => waitAfter(attempt, { fraction: () => f })) as [
      number,
      number,
      number,
    ];
    // With 20 % to both sides, the most is one and a half times the least.
    const isRange = most > 1.6 * least;
    const said = isRange
      ? `${roughly(least, language)} ${language === 'en' ? 'to' : '～'} ${roughly(most, language)}`
      : roughly(wait, language);
    const isSame = rows.at(-1)?.[2] === said;
    const row = [String(attempt), since === 0 ? '0' : roughly(since, language), ends ? '—' : said];
    if (ends) {
      rows.push(row);
      break;
    }
    if (!isSame) rows.push(row);
    else if (rows.at(-1)?.[0] !== '…') rows.push(['…', '…', row[2]!]);
    since += wait;
  }
  return table(
    language === 'en'
      ? ['attempt', 'after the first one', 'wait if it fails']
      : ['試行', '最初の試行からの時間', '失敗したときの待ち時間'],
    rows,
  );
}
function bounds(language: Language): string {
  const rows: [Words, string][] = [
    [
      {
        en: 'one attempt, from the connection to the end of the answer',
        ja: '1 回の試行。接続から応答の終わりまで',
      },
      duration(TIMEOUT_MS, language),
    ],
    [
      {
        en: 'shortest time of an attempt, while all places of the service are taken and another project waits for one',
        ja: '1 回の試行の最短の時間。サービスの配送の枠がすべて使われ、ほかのプロジェクトが待っているとき',
      },
      duration(PATIENCE_MS, language),
    ],
    [
      {
        en: 'deliveries to one hook at a time: first, while it fails, while it answers within a second',
        ja: '1 つのフックへの同時の配送 (最初、失敗が続くとき、1 秒以内に応答するとき)',
      },
      `${AT_ONCE.first}, ${AT_ONCE.least}, ${AT_ONCE.most}`,
    ],
    [
      {
        en: "octets that are read of the answer's body; then the connection is closed",
        ja: '応答の本文を読み取るオクテット数。これを超えると接続を閉じます',
      },
      `${MAX_ANSWER / 1024} KiB`,
    ],
    [
      { en: 'longest wait between two attempts', ja: '試行の間隔の上限' },
      duration(LONGEST_WAIT_MS, language),
    ],
    [
      {
        en: 'age at which a failed attempt is the last',
        ja: '失敗したときにそれ以上試行しなくなる、イベントの経過時間',
      },
      roughly(GIVE_UP_MS, language),
    ],
    [
      {
        en: 'time without a success after which a hook counts as down',
        ja: '成功しない状態がこの時間続くと、フックは停止中とみなされます',
      },
      duration(DOWN_MS, language),
    ],
    [
      { en: 'between two probes of a hook that is down', ja: '停止中のフックを確かめる間隔' },
      duration(PROBE_MS, language),
    ],
    [
      { en: 'fewest attempts, whatever the age', ja: '経過時間にかかわらず行う試行の最少回数' },
      String(FEWEST_ATTEMPTS),
    ],
  ];
  return table(
    language === 'en' ? ['what', 'value'] : ['項目', '値'],
    rows.map(([what, value]) => [what[language], value]),
  );
}
const LANGUAGES_OF_VERIFIERS = { mjs: 'js', py: 'python', go: 'go', php: 'php', rb: 'ruby' };

function verifier(ending: string, info: string): [file: string, block: string] {
  const file = `docs/verifiers/hook.${ending}`;
  return [file, fence(info, readFileSync(file, 'utf8'))];
}
type Blocks = Readonly<Record<string, string>>;
const saved: Blocks = Object.fromEntries([verifier('mjs', 'js is-signed.mjs')]);
const blocks = (language: Language): Blocks => ({
  list: list(language),
  headers: headers(language),
  retries: retries(language),
  bounds: bounds(language),
  event: fieldTable(RESOURCES.WholeEvent as Schema, language),
  events: events(language),
  ...Object.fromEntries(
    Object.entries(LANGUAGES_OF_VERIFIERS).map(([ending, name]) => verifier(ending, name)),
  ),
});
function formatted(file: string, text: string): string {
  const { status, stdout, stderr } = spawnSync('biome', ['format', `--stdin-file-path=${file}`], {
    input: text,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`biome: ${stderr}`);
  return stdout;
}

const check = process.argv.includes('--check');
const outdated: string[] = [];
const pages: Readonly<Record<string, Blocks>> = {
  'docs/events.md': blocks('en'),
  'docs/events.ja.md': blocks('ja'),
  'docs/tutorials/receive-hook.md': saved,
  'docs/tutorials/receive-hook.ja.md': saved,
};
for (const [file, wantedBlocks] of Object.entries(pages)) {
  const text = readFileSync(file, 'utf8');
  const left = new Map(Object.entries(wantedBlocks));
  const filled = text.replace(
    /^(<!-- from the code: (.+) -->)\n[\s\S]*?^(<!-- end -->)$/gm,
    (_, begin: string, name: string, end: string) => {
      const block = left.get(name);
      if (block === undefined)
        throw new Error(`${file}: there is no block ${name}, or it stands there twice`);
      left.delete(name);
      return `${begin}\n\n${block}\n\n${end}`;
    },
  );
  if (left.size > 0) throw new Error(`${file} has no place for ${[...left.keys()].join(', ')}`);
  const wanted = formatted(file, filled);
  if (wanted === text) continue;
  outdated.push(file);
  if (!check) writeFileSync(file, wanted);
}
const unused = Object.keys(JAPANESE).filter((english) => !used.has(english));
if (unused.length > 0) throw new Error(`scripts/events-ja.ts has what no event has: ${unused.join(' / ')}`);
if (check && outdated.length > 0) {
  console.error(`events: ${outdated.join(', ')} differ from the code: npm run tables`);
  process.exit(1);
}
console.log(check ? 'events: as the code has them' : `events: ${outdated.join(', ') || 'nothing'} written`);
