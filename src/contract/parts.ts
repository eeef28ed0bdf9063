/** Parts of the schemas of resources and requests. */
import Type, { type TProperties, type TSchema } from 'typebox';

export const closed = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, {
    additionalProperties: false,
    ...(description === undefined ? {} : { description }),
  });
export const orNull = <T extends TSchema>(schema: T, description?: string) =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description });
export const oneOf = <const N extends readonly string[]>(...names: N): Type.TEnum<[...N]> =>
  Type.Enum([...names]) as never;
export const Id = Type.String({ pattern: '^[0-9a-f-]{36}$', description: 'UUID, version 7' });
export const Time = Type.String({ format: 'date-time' });
export const Url = Type.String({ format: 'uri' });
export const Link = closed({ self: Url });
export const Whole = Type.Integer({ minimum: 0 });
/** One sentence in two languages that says what to do. */
export const Words = {
  message: Type.String({ minLength: 1 }),
  message_ja: Type.String({ minLength: 1 }),
};

/** A reference in a request. The service ignores its host. */
export const Self = closed({
  self: Type.String({ maxLength: 2048, description: 'absolute URL of the resource' }),
});
export const PageQuery = closed({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
  cursor: Type.Optional(Type.String({ maxLength: 500 })),
});
/** The query of a list that is rarely long: the default limit is the maximum. */
export const WholeQuery = closed({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 500 })),
  cursor: Type.Optional(Type.String({ maxLength: 500 })),
});
/** A name that people and logs show: it has no control characters and no line or paragraph separators. */
export const ResourceName = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
});
/** Names of predefined roles, of roles of the project, or of single permissions. */
export const RoleNames = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 });
/** Any JSON object: its fields come from another server's reply or from another protocol. */
export const Open = (description: string) => Type.Object({}, { additionalProperties: true, description });
/** A row that was damaged from outside is shown all the same. */
export const Broken = Type.Optional(
  Type.Literal(true, {
    description:
      'present if the stored settings cannot be read; remove the resource, or set all its settings again',
  }),
);
