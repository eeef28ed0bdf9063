/**
 * What an operation of the API is: its way, what it takes, what it answers, and who may call it. The handlers are bound to
 * these (api/handle.ts), the published documents are made of them (api/openapi.ts), the console's client is typed by them.
 */
import type { Static, TSchema } from 'typebox';
import type { ExampleName } from './example-ids.ts';
import type { ProblemName } from './problems.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Service = 'mta' | 'edj' | 'iam';

/** A page of a list. `filtered`: it may be filtered by what no index knows, and then says how many rows were looked at. */
export interface ListAnswer<I extends TSchema = TSchema> {
  readonly list: I;
  readonly filtered?: true;
}
/** One resource that is made while it is sent, so that it has no entity tag beforehand. */
export interface StreamedAnswer<S extends TSchema = TSchema> {
  readonly streamed: S;
  /** It has an entity tag nevertheless. */
  readonly tagged?: true;
}
/** Octets of a media type. */
export interface OctetsAnswer {
  readonly octets: string;
}
/** null: nothing. */
export type Answer = TSchema | ListAnswer | StreamedAnswer | OctetsAnswer | null;

/** A permission of a role, or one that only operators of the instance hold. */
export type Grant = string | { readonly operator: string };
/** Which permission is asked for depends on what is sent: a procedure in the body, or a flag of the query (`false` where it is absent). */
export interface Grants {
  readonly in: 'body' | 'query';
  readonly field: string;
  readonly of: Readonly<Record<string, Grant>>;
}
export interface Example {
  readonly summary: string;
  readonly value: object;
}

export interface OperationSpec {
  /** Stable name, of the form `service.resource.verb`. */
  readonly id: `${Service}.${string}`;
  readonly method: Method;
  readonly path: `/${Service}/v1/${string}`;
  readonly summary: string;
  readonly description?: string;
  /**
   * Who is asked for. `project`: a role in a project decides. `instance`: a permission of operators does. `account`: it is
   * about the caller's own account, a session does. `open`: nobody is asked for.
   */
  readonly access?: 'project' | 'instance' | 'account' | 'open';
  /** A session is needed: a key gets no further, whatever its role. */
  readonly people?: true;
  /** What the role must permit; `id` where it is left out. */
  readonly permission?: Grant | Grants;
  /** What the role must permit as well. */
  readonly permissions?: readonly string[];
  /** The handler asks for the permission, since who calls decides about it. */
  readonly asksItself?: true;
  /** The project is the one in the path. */
  readonly projectOfPath?: true;
  /** A session that is being set up may come here. */
  readonly setUp?: true;
  /** The audit's name of a step of signing in, or of what members do to their own account. */
  readonly step?: string;
  /** Placeholders of the path, each with the example that stands for it. */
  readonly params?: Readonly<Record<string, ExampleName>>;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Beyond those that every operation of its kind may answer with. */
  readonly problems?: readonly ProblemName[];
  /** Bodies that work. */
  readonly examples?: Readonly<Record<string, Example>>;
}
/** Gives the specification back as it is, with its literal type. */
export function op<const S extends OperationSpec>(spec: S): S {
  return spec;
}

/** Nothing of it can be changed: what is answered was made of rows that cannot either. */
export type Frozen<T> = T extends readonly (infer I)[]
  ? readonly Frozen<I>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;
export type Answered<S extends TSchema> = Frozen<Static<S>>;

export type BodyOf<O extends OperationSpec> = O extends { readonly body: infer B extends TSchema }
  ? Static<B>
  : undefined;
export type QueryOf<O extends OperationSpec> = O extends { readonly query: infer Q extends TSchema }
  ? Static<Q>
  : Record<never, never>;
export type ParamsOf<O extends OperationSpec> = O extends { readonly params: infer P extends object }
  ? { readonly [K in keyof P]: string }
  : Record<never, never>;

/** The one permission that is named first, for documents. */
export function permissionOf(spec: OperationSpec): string | null {
  const { access = 'project', permission = spec.id } = spec;
  if (access === 'open' || access === 'account') return null;
  const [grant] = grantsOf(permission);
  return grant === undefined ? null : nameOf(grant);
}
export function grantsOf(permission: Grant | Grants): readonly Grant[] {
  return typeof permission === 'object' && 'of' in permission ? Object.values(permission.of) : [permission];
}
export function nameOf(grant: Grant): string {
  return typeof grant === 'string' ? grant : grant.operator;
}
