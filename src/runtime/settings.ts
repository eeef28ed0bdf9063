/**
 * The settings of a kind (of DNS provider, of subscriber): which fields it has, how each is read, which are secret, and
 * how people call them. Fails: SettingsError, which names the field.
 */
export interface Labels {
  readonly en: string;
  readonly ja: string;
}
/** Returns the value to store, or what is wrong with the text. `allowPrivate`: targets may be private and without TLS. */
export type ReadText = (
  text: string,
  allowPrivate: boolean,
) => { readonly value: string } | { readonly wrong: string };
export interface TextField {
  readonly type: 'text';
  readonly label: Labels;
  /** The value is stored sealed and never shown again. */
  readonly secret?: true;
  /** The default if the field is not given. null: the field may be missing. */
  readonly otherwise?: string | null;
  /** Any characters but control characters are allowed; otherwise visible ASCII. */
  readonly free?: true;
  readonly read?: ReadText;
}
/** One of a few values, which a program may also give as a number. */
export interface ChoiceField {
  readonly type: 'choice';
  readonly label: Labels;
  readonly secret?: undefined;
  readonly choices: readonly { readonly value: string; readonly label: Labels }[];
  readonly otherwise: string;
}
export interface SwitchField {
  readonly type: 'switch';
  readonly label: Labels;
  readonly secret?: undefined;
  readonly otherwise: boolean;
}
export type Fields = Readonly<Record<string, TextField | ChoiceField | SwitchField>>;
export type Settings = Readonly<Record<string, string | boolean>>;

export class SettingsError extends Error {
  override name = 'SettingsError';
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}
const MOST = 4096;

function textGiven(name: string, given: unknown): string {
  const text = typeof given === 'number' ? String(given) : given;
  if (typeof text !== 'string') throw new SettingsError(name, 'must be text');
  return text;
}
function readChoice(name: string, given: unknown, { choices }: ChoiceField): string {
  const text = textGiven(name, given);
  const values = choices.map(({ value }) => value);
  if (!values.includes(text)) throw new SettingsError(name, `must be one of ${values.join(', ')}`);
  return text;
}
function readText(name: string, given: unknown, field: TextField, allowPrivate: boolean): string {
  const { read, free } = field;
  const text = textGiven(name, given);
  if (text === '') throw new SettingsError(name, 'must not be empty');
  if (text.length > MOST) throw new SettingsError(name, `must have at most ${MOST} characters`);
  const result = read?.(text, allowPrivate) ?? { value: text };
  if ('wrong' in result) throw new SettingsError(name, result.wrong);
  if (result.value.length > MOST) throw new SettingsError(name, `must have at most ${MOST} characters`);
  if (free === true) {
    if (/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(result.value))
      throw new SettingsError(name, 'has characters that are not allowed');
  } else if (!/^[\x20-\x7e]+$/.test(result.value))
    throw new SettingsError(name, 'must be text in visible ASCII');
  return result.value;
}
/** The settings, with defaults filled in. Throws SettingsError. */
export function readSettings(
  fields: Fields,
  given: Readonly<Record<string, unknown>>,
  allowPrivate: boolean,
): Settings {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(fields, name)) throw new SettingsError(name, 'is not a known field');
  const settings: Record<string, string | boolean> = {};
  for (const [name, field] of Object.entries(fields)) {
    // null for a field that may be missing is its absence.
    const isAbsent = given[name] === undefined || (given[name] === null && field.otherwise !== undefined);
    const value = isAbsent ? field.otherwise : given[name];
    if (value === undefined) throw new SettingsError(name, 'is missing');
    if (value === null && field.otherwise === null) continue;
    if (field.type === 'text') settings[name] = readText(name, value, field, allowPrivate);
    else if (field.type === 'choice') settings[name] = readChoice(name, value, field);
    else if (typeof value !== 'boolean') throw new SettingsError(name, 'must be true or false');
    else settings[name] = value;
  }
  return settings;
}
/** The settings that may be shown. */
export function shownOf(fields: Fields, settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => fields[name]?.secret !== true));
}
/** The values that must not be shown. */
export function secretsOf(fields: Fields, settings: Settings): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    fields[name]?.secret === true ? [String(value)] : [],
  );
}
/** A text setting; '' if it is missing. */
export function textOf(settings: Settings, name: string): string {
  const value = settings[name];
  return typeof value === 'string' ? value : '';
}
