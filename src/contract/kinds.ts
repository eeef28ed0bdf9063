/**
 * Open lists: kinds of things of which the rooms keep registries. The contract names the list; `api/kinds` fills in which
 * kinds there are, and the settings of each, in the schemas by which requests are read and in the published documents.
 */
import Type, { type Static, type TObject, type TProperties, type TUnsafe } from 'typebox';
import { closed, oneOf, orNull } from './parts.ts';

export type KindList = 'dns_provider' | 'subscriber';

/** The name of a kind of the list. */
export const kindName = (list: KindList) => Type.String({ maxLength: 100, 'x-kinds': list });
type Values = Readonly<Record<string, unknown>>;
/** A request with the settings of its kind beside its own fields, of which `type` names the kind. */
export const withSettings = <P extends TProperties>(list: KindList, properties: P) =>
  Type.Object(properties, { additionalProperties: true, 'x-settings': list }) as unknown as TUnsafe<
    Static<TObject<P>> & Values
  >;
/** A resource with those settings of its kind that may be shown beside its own fields. */
export const withShown = <P extends TProperties>(list: KindList, properties: P) =>
  Type.Object(properties, { additionalProperties: true, 'x-shown': list }) as unknown as TUnsafe<
    Static<TObject<P>> & Readonly<Record<string, string | boolean | null>>
  >;

/** A kind as it is told, so that a form can be drawn from it. */
export const Kind = closed({
  name: Type.String(),
  label: Type.String(),
  label_ja: Type.String(),
  description: Type.String(),
  description_ja: Type.String(),
  settings: Type.Array(
    closed({
      name: Type.String(),
      type: oneOf('text', 'switch'),
      label: Type.String(),
      label_ja: Type.String(),
      secret: Type.Boolean({ description: 'never shown again' }),
      optional: Type.Boolean(),
      default: orNull(Type.Union([Type.String(), Type.Boolean()])),
    }),
  ),
});
