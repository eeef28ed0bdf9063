/**
 * Joins the registries of kinds to the contract. Request schemas and the published documents list the names of the
 * kinds. The documents also show the settings of each kind; request schemas do not, because the kind itself reads its
 * settings. So a problem names the field and says what is wrong with it.
 */
import Type, { type TProperties, type TSchema } from 'typebox';
import type { KindList } from '../contract/kinds.ts';
import type { OperationSpec } from '../contract/operation.ts';
import { closed } from '../contract/parts.ts';
import type { Resources } from '../contract/resources/index.ts';
import { DNS_PROVIDERS } from '../domains/dns-providers/kinds.ts';
import { SUBSCRIBER_KINDS } from '../edj/kinds/kinds.ts';
import { type Fields, type Labels, readSettings, type Settings, SettingsError } from '../runtime/settings.ts';
import { type Listing, wholeList } from './pages.ts';
import { invalid } from './problems.ts';

interface KindOf {
  readonly label: Labels;
  readonly about: Labels;
  readonly fields: Fields;
  /** Example settings for the documents. */
  readonly example: Settings;
}
const LISTS: Readonly<Record<KindList, Readonly<Record<string, KindOf>>>> = {
  dns_provider: DNS_PROVIDERS,
  subscriber: SUBSCRIBER_KINDS,
};

/** Reads the settings that a caller gave. `at`: where they are in the body. Throws the Problem that names the field. */
export function settingsOf(
  { fields }: Pick<KindOf, 'fields'>,
  given: Readonly<Record<string, unknown>>,
  at: string,
  allowPrivate: boolean,
): Settings {
  try {
    return readSettings(fields, given, allowPrivate);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw invalid(`${at}${error.field}`, error.message);
  }
}
/** The kinds of a list as the API describes them, sorted by name. */
export function kindList(list: KindList): Listing<Resources['Kind']> {
  const items = Object.entries(LISTS[list]).sort(([a], [b]) => (a < b ? -1 : 1));
  return wholeList({ items, keyOf: ([name]) => name, order: 'up' }, ([name, { label, about, fields }]) => ({
    name,
    label: label.en,
    label_ja: label.ja,
    description: about.en,
    description_ja: about.ja,
    settings: Object.entries(fields).map(([name, field]) => ({
      name,
      type: field.type,
      label: field.label.en,
      label_ja: field.label.ja,
      secret: field.secret === true,
      optional: field.otherwise !== undefined,
      default: field.otherwise ?? null,
      choices:
        field.type === 'choice'
          ? field.choices.map(({ value, label: called }) => ({
              value,
              label: called.en,
              label_ja: called.ja,
            }))
          : [],
    })),
  }));
}

type Marked = TSchema & {
  readonly properties?: TProperties;
  readonly 'x-kinds'?: KindList;
  readonly 'x-settings'?: KindList;
  readonly 'x-some-settings'?: KindList;
  readonly 'x-settings-of'?: KindList;
  readonly description?: string;
  readonly 'x-shown'?: KindList;
};
const BROKEN = 'one whose stored settings cannot be read: remove it, and add it again';
const enumOf = (list: KindList) => Type.Enum(Object.keys(LISTS[list]));
/** The schemas of a kind's settings, by the settings' names. */
function properties(fields: Fields, shown: boolean): TProperties {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, { secret }]) => !shown || secret !== true)
      .map(([name, field]): [string, TSchema] => {
        const isThere = field.otherwise === undefined || (shown && field.type === 'switch');
        return [name, isThere ? schemaOf(field) : Type.Optional(schemaOf(field))];
      }),
  );
}
function schemaOf(field: Fields[string]): TSchema {
  const about = { description: field.label.en };
  if (field.type === 'switch') return Type.Boolean(about);
  if (field.type === 'text') return Type.String({ maxLength: 4096, ...about });
  return Type.Enum(
    field.choices.map(({ value }) => value),
    about,
  );
}
function eachKind(list: KindList, own: TProperties, shown: boolean): TSchema {
  const { broken, ...whole } = own;
  const all: TSchema[] = Object.entries(LISTS[list]).map(([name, { fields }]) =>
    closed({ ...whole, type: Type.Literal(name), ...properties(fields, shown) }),
  );
  // Without its settings.
  if (broken !== undefined)
    all.push(closed({ ...whole, type: enumOf(list), broken: Type.Literal(true) }, BROKEN));
  return all.length === 1 ? all[0]! : Type.Union(all);
}
/** The settings of each kind of a list, for the documents. */
function settingsOfEach(list: KindList, description = ''): TSchema {
  const all = Object.values(LISTS[list]).map(({ label, fields }) => ({
    ...closed(properties(fields, false)),
    title: label.en,
  }));
  return Type.Union(all, { description });
}
/** Some settings of each kind of a list, for the documents. */
function someOfEach(list: KindList, own: TProperties): TSchema {
  const optional = (all: TProperties) =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, Type.Optional(one)]));
  const all = Object.values(LISTS[list]).map(({ label, fields }) => ({
    ...closed({ ...own, ...optional(properties(fields, false)) }),
    title: label.en,
  }));
  return Type.Union(all);
}
/** Walks a schema. For a marked part, `of` returns the schema that replaces it. */
function mapped(schema: TSchema, of: (marked: Marked) => TSchema | null): TSchema {
  const found = of(schema as Marked);
  if (found !== null) return found;
  const { properties: fields } = schema as Marked;
  if (fields === undefined) return schema;
  const walked = Object.entries(fields).map(([name, one]) => [name, mapped(one, of)] as const);
  if (walked.every(([name, one]) => one === fields[name])) return schema;
  return { ...schema, properties: Object.fromEntries(walked) } as TSchema;
}
/** The schema that validates requests: it knows the names of the kinds, and leaves the settings to the kind. */
export function readable(schema: TSchema): TSchema {
  return mapped(schema, ({ 'x-kinds': list }) => (list === undefined ? null : enumOf(list)));
}
/** The schema for the documents: each kind with its settings. */
export function documented(schema: TSchema): TSchema {
  return mapped(schema, (marked) => {
    const { 'x-kinds': name, 'x-settings': settings, 'x-shown': shown, properties: own = {} } = marked;
    const { 'x-settings-of': apart, 'x-some-settings': some, description } = marked;
    if (name !== undefined) return enumOf(name);
    if (settings !== undefined) return eachKind(settings, own, false);
    if (some !== undefined) return someOfEach(some, own);
    if (apart !== undefined) return settingsOfEach(apart, description);
    return shown === undefined ? null : eachKind(shown, own, true);
  });
}
/** An example of each kind, if the schema is the body of a request that adds one of the list; else none. */
export function kindExamples(schema: TSchema): NonNullable<OperationSpec['examples']> {
  const { 'x-settings': flat, properties = {} } = schema as Marked;
  const { provider, name } = properties as Readonly<Record<string, Marked>>;
  const apart = name === undefined ? undefined : provider?.['x-kinds'];
  const list = flat ?? apart;
  if (list === undefined) return {};
  return Object.fromEntries(
    Object.entries(LISTS[list]).map(([kind, { label, example }]) => [
      kind,
      {
        summary: label.en,
        value:
          flat === undefined
            ? { provider: kind, name: label.en, settings: example }
            : { type: kind, ...example },
      },
    ]),
  );
}
