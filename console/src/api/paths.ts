/** The operations of the contract in the form that the client's types need: by path and method, as in OpenAPI. */
import type { Static, TSchema } from 'typebox';
import type {
  Answer,
  ListAnswer,
  OctetsAnswer,
  OperationSpec,
  StreamedAnswer,
} from '../../../src/contract/operation.ts';
import type { Operation } from '../../../src/contract/operations/index.ts';

interface Page<T> {
  items: T[];
  next_cursor: string | null;
  looked_at?: number;
  of?: number;
}
type ContentOf<A> = A extends null
  ? { content?: never }
  : A extends ListAnswer<infer I>
    ? { content: { 'application/json': Page<Static<I>> } }
    : A extends StreamedAnswer<infer S>
      ? { content: { 'application/json': Static<S> } }
      : A extends OctetsAnswer
        ? { content: { [M in A['octets']]: string } }
        : A extends TSchema
          ? { content: { 'application/json': Static<A> } }
          : never;
type PathOf<O> = O extends { readonly params: infer P }
  ? { path: { [K in keyof P]: string } }
  : { path?: never };
type QueryOf<O> = O extends { readonly query: infer Q extends TSchema }
  ? { query?: { [K in keyof Static<Q>]?: Static<Q>[K] | undefined } }
  : { query?: never };
type RequestOf<O> = O extends { readonly body: infer B extends TSchema }
  ? { requestBody: { content: { 'application/json': Static<B> } } }
  : { requestBody?: never };
type CallOf<O extends OperationSpec> = {
  parameters: PathOf<O> & QueryOf<O> & { header?: Record<string, string>; cookie?: never };
  responses: { [S in keyof O['answers']]: ContentOf<Extract<O['answers'][S], Answer>> };
} & RequestOf<O>;

type Of<P, M extends string> = Extract<Operation, { readonly path: P; readonly method: M }>;
export type Paths = {
  [P in Operation['path']]: {
    [M in Of<P, string>['method'] as Lowercase<M>]: CallOf<Of<P, M>>;
  };
};
