/**
 * The sealed part of a subscriber: its secret settings, and the secret that its kind made for it. It can be opened for
 * this subscriber only. In a row of an earlier version it is the signing secret of an HTTP hook and nothing else.
 */
import type { Random } from '../../runtime/random.ts';
import { opens, type Sealer } from '../../runtime/sealing.ts';
import type { Settings } from '../../runtime/settings.ts';
import type { Subscriber } from '../topics.ts';
import type { SubscriberKind } from './kind.ts';

const context = ({ id }: Pick<Subscriber, 'id'>) => `subscriber:${id}`;
/** If the secret is the only thing to seal, it is sealed as plain text, the form that rows have always had. */
const encode = (sealed: Settings): string => {
  const names = Object.keys(sealed);
  const [only] = names;
  return names.length === 1 && only === 'secret' ? String(sealed[only]) : JSON.stringify(sealed);
};

export interface NewSettings {
  readonly settings: Settings;
  /** What is to be sealed. */
  readonly sealed: Settings;
  /** The secret that the kind has made: it is shown once. */
  readonly told: Settings;
}
/** Makes the secret of a new subscriber, and sets it and the secret settings apart. */
export function splitNew(kind: SubscriberKind, given: Settings, random: Random): NewSettings {
  const isSecret = (name: string) => kind.fields[name]?.secret === true;
  const told: Settings = kind.makeSecret === undefined ? {} : { secret: kind.makeSecret(random) };
  const entries = Object.entries(given);
  return {
    settings: Object.fromEntries(entries.filter(([name]) => !isSecret(name))),
    sealed: { ...Object.fromEntries(entries.filter(([name]) => isSecret(name))), ...told },
    told,
  };
}
/** The same, sealed. */
export function sealNew(
  { sealer, random }: { readonly sealer: Sealer; readonly random: Random },
  subscriber: Pick<Subscriber, 'id'>,
  kind: SubscriberKind,
  given: Settings,
): Pick<Subscriber, 'settings' | 'sealedSettings'> & Pick<NewSettings, 'told'> {
  const { settings, sealed, told } = splitNew(kind, given, random);
  return { settings, sealedSettings: sealer.seal(Buffer.from(encode(sealed)), context(subscriber)), told };
}
/** Changed settings, with the secret that the kind had made. Throws as openSealed does. */
export function resealed(
  sealer: Sealer,
  subscriber: Subscriber,
  kind: SubscriberKind,
  given: Settings,
): Pick<Subscriber, 'settings' | 'sealedSettings'> {
  const isSecret = (name: string) => kind.fields[name]?.secret === true;
  const { secret } = openSealed(sealer, subscriber);
  const made: Settings = kind.makeSecret === undefined || secret === undefined ? {} : { secret };
  const entries = Object.entries(given);
  const sealed = { ...Object.fromEntries(entries.filter(([name]) => isSecret(name))), ...made };
  return {
    settings: Object.fromEntries(entries.filter(([name]) => !isSecret(name))),
    sealedSettings: sealer.seal(Buffer.from(encode(sealed)), context(subscriber)),
  };
}
export const opensSealed = (sealer: Sealer, subscriber: Subscriber): boolean =>
  opens(sealer, subscriber.sealedSettings, context(subscriber));
/** Throws the sealer's error if the row was tampered with or the instance secret has changed. */
export function openSealed(sealer: Sealer, subscriber: Subscriber): Settings {
  const text = sealer.open(subscriber.sealedSettings, context(subscriber)).toString('utf8');
  return text.startsWith('{') ? JSON.parse(text) : { secret: text };
}
