/**
 * Open lists: kinds that registries elsewhere in the source define (DNS providers, subscribers). The contract names
 * only the list. `api/kinds` fills in the kinds and their settings, both in the schemas that validate requests and
 * in the published OpenAPI documents.
 */
import Type, { type Static, type TObject, type TProperties, type TUnsafe } from 'typebox';
import { closed, oneOf, orNull } from './parts.ts';

export type KindList = 'dns_provider' | 'subscriber';

/** The name of a kind in the list. */
export const kindName = (list: KindList) => Type.String({ maxLength: 100, 'x-kinds': list });
type Values = Readonly<Record<string, unknown>>;
/** The settings of a kind, apart from the field that names the kind. A setting may be given as a number. */
export const settingsOfKind = (list: KindList, options: { readonly description: string }) =>
  Type.Record(
    Type.String({ maxLength: 100 }),
    Type.Union([Type.String({ maxLength: 4096 }), Type.Integer(), Type.Boolean()]),
    { maxProperties: 20, 'x-settings-of': list, ...options },
  );
/** A request body: its own fields and the settings of its kind. Its field `type` names the kind. */
export const withSettings = <P extends TProperties>(list: KindList, properties: P) =>
  Type.Object(properties, { additionalProperties: true, 'x-settings': list }) as unknown as TUnsafe<
    Static<TObject<P>> & Values
  >;
/** A request body that changes some of its settings, or fields of its own. */
export const withSomeSettings = <P extends TProperties>(list: KindList, properties: P) =>
  Type.Object(properties, {
    additionalProperties: true,
    'x-some-settings': list,
  }) as unknown as TUnsafe<Static<TObject<P>> & Values>;
/** A resource: its own fields and those settings of its kind that may be shown. */
export const withShown = <P extends TProperties>(list: KindList, properties: P) =>
  Type.Object(properties, { additionalProperties: true, 'x-shown': list }) as unknown as TUnsafe<
    Static<TObject<P>> & Readonly<Record<string, string | boolean | null>>
  >;

/** The description of a kind. A form can be built from it. */
export const Kind = closed({
  name: Type.String(),
  label: Type.String(),
  label_ja: Type.String(),
  description: Type.String(),
  description_ja: Type.String(),
  settings: Type.Array(
    closed({
      name: Type.String(),
      type: oneOf('text', 'choice', 'switch'),
      label: Type.String(),
      label_ja: Type.String(),
      secret: Type.Boolean({ description: 'the API never returns the value' }),
      optional: Type.Boolean(),
      default: orNull(Type.Union([Type.String(), Type.Boolean()])),
      choices: Type.Array(closed({ value: Type.String(), label: Type.String(), label_ja: Type.String() }), {
        description: 'the values of a choice; empty for other types',
      }),
    }),
  ),
});
