/** What the schemas of resources are made of. */
import Type, { type TProperties, type TSchema } from 'typebox';

export const closed = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, {
    additionalProperties: false,
    ...(description === undefined ? {} : { description }),
  });
export const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const oneOf = (...names: readonly string[]) => Type.Enum([...names]);
export const Id = Type.String({ pattern: '^[0-9a-f-]{36}$', description: 'UUID, version 7' });
export const Time = Type.String({ format: 'date-time' });
export const Url = Type.String({ format: 'uri' });
export const Link = closed({ self: Url });
export const Whole = Type.Integer({ minimum: 0 });
/** One line for people, in two languages. */
export const Words = {
  message: Type.String({ minLength: 1 }),
  message_ja: Type.String({ minLength: 1 }),
};
