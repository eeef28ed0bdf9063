/**
 * Settings of a kind of thing that there are several of (a DNS provider, a kind of subscriber): which fields it takes, how
 * each is read, which are secret, and what people call them. Fails: SettingsError naming the field.
 */
export interface Labels {
  readonly en: string;
  readonly ja: string;
}
/** Reads a text: what is kept of it, or what is wrong with it. `allowPrivate`: targets may be private and without TLS. */
export type ReadText = (
  text: string,
  allowPrivate: boolean,
) => { readonly value: string } | { readonly wrong: string };
export interface TextField {
  readonly type: 'text';
  readonly label: Labels;
  /** Sealed where it is stored, and never shown again. */
  readonly secret?: true;
  /** Taken where the field is not given; null: the field may be missing. */
  readonly otherwise?: string | null;
  readonly read?: ReadText;
}
export interface SwitchField {
  readonly type: 'switch';
  readonly label: Labels;
  readonly secret?: undefined;
  readonly otherwise: boolean;
}
export type Fields = Readonly<Record<string, TextField | SwitchField>>;
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

function readText(name: string, given: unknown, { read }: TextField, allowPrivate: boolean): string {
  const text = typeof given === 'number' ? String(given) : given;
  if (typeof text !== 'string') throw new SettingsError(name, 'must be text');
  if (text === '') throw new SettingsError(name, 'must not be empty');
  if (text.length > MOST) throw new SettingsError(name, `must have at most ${MOST} characters`);
  const result = read?.(text, allowPrivate) ?? { value: text };
  if ('wrong' in result) throw new SettingsError(name, result.wrong);
  if (result.value.length > MOST) throw new SettingsError(name, `must have at most ${MOST} characters`);
  if (!/^[\x20-\x7e]+$/.test(result.value)) throw new SettingsError(name, 'must be text in visible ASCII');
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
    const value = given[name] === undefined ? field.otherwise : given[name];
    if (value === undefined) throw new SettingsError(name, 'is missing');
    if (value === null && field.otherwise === null) continue;
    if (field.type === 'text') settings[name] = readText(name, value, field, allowPrivate);
    else if (typeof value !== 'boolean') throw new SettingsError(name, 'must be true or false');
    else settings[name] = value;
  }
  return settings;
}
/** What may be shown of them. */
export function shownOf(fields: Fields, settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => fields[name]?.secret !== true));
}
/** The values that must not be shown. */
export function secretsOf(fields: Fields, settings: Settings): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    fields[name]?.secret === true ? [String(value)] : [],
  );
}
/** A text among the settings; '' where it is missing. */
export function textOf(settings: Settings, name: string): string {
  const value = settings[name];
  return typeof value === 'string' ? value : '';
}
