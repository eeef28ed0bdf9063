/**
 * The specification of an API operation: method and path, input, answers, and who may call it. api/handle.ts binds
 * the handlers to these specifications, api/openapi.ts makes the OpenAPI documents from them, and the console's
 * client takes its types from them.
 */
import type { Static, TSchema } from 'typebox';
import type { ExampleName } from './example-ids.ts';
import type { ProblemName } from './problems.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Service = 'mta' | 'edj' | 'iam';

/**
 * A page of a list. `filtered`: a filter may use columns without an index; the page then says how many rows were
 * read.
 */
export interface ListAnswer<I extends TSchema = TSchema> {
  readonly list: I;
  readonly filtered?: true;
}
/** One resource that is produced while it is sent, so its entity tag is not known beforehand. */
export interface StreamedAnswer<S extends TSchema = TSchema> {
  readonly streamed: S;
  /** The answer has an entity tag all the same. */
  readonly tagged?: true;
}
/** Octets with this media type. */
export interface OctetsAnswer {
  readonly octets: string;
}
/** null: no body. */
export type Answer = TSchema | ListAnswer | StreamedAnswer | OctetsAnswer | null;

/** A permission that a role may hold, or one that only operators of the instance hold. */
export type Grant = string | { readonly operator: string };
/**
 * The required permission depends on a field of the request: a procedure in the body, or a flag in the query. A
 * flag that is absent counts as `false`.
 */
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
  /** Stable name in the form `service.resource.verb`. */
  readonly id: `${Service}.${string}`;
  readonly method: Method;
  readonly path: `/${Service}/v1/${string}`;
  readonly summary: string;
  readonly description?: string;
  /**
   * What the caller needs. `project`: a role in the project. `instance`: a permission of operators. `account`: a
   * session; the operation concerns the caller's own account. `open`: nothing.
   */
  readonly access?: 'project' | 'instance' | 'account' | 'open';
  /** The caller needs a session. The service refuses static keys, whatever their roles. */
  readonly people?: true;
  /** The permission that the role must hold. If it is left out, it is `id`. */
  readonly permission?: Grant | Grants;
  /** Permissions that the role must hold in addition. */
  readonly permissions?: readonly string[];
  /** The handler checks the permission, because it depends on the caller. */
  readonly asksItself?: true;
  /** The id in the path is that of the project. */
  readonly projectOfPath?: true;
  /** A session in the state `set_up` may call the operation. */
  readonly setUp?: true;
  /** The name in the audit log of a sign-in step or of a member's change to the own account. */
  readonly step?: string;
  /** Placeholders in the path, each with the name of its example id. */
  readonly params?: Readonly<Record<string, ExampleName>>;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** Answers by status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Problems in addition to those that every operation of this kind may return. */
  readonly problems?: readonly ProblemName[];
  /** Valid request bodies. */
  readonly examples?: Readonly<Record<string, Example>>;
}
/** Returns the specification unchanged, with its literal type. */
export function op<const S extends OperationSpec>(spec: S): S {
  return spec;
}

/** A deeply read-only type. Answers are made from read-only rows. */
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

/** The first permission of the operation, for the OpenAPI documents. */
export function permissionOf(spec: OperationSpec): string | null {
  const { access = 'project', permission = spec.id } = spec;
  if (access === 'open' || access === 'account') return null;
  const [grant] = grantsOf(permission);
  return grant === undefined ? null : nameOf(grant);
}
type Way = 'any' | 'session' | 'open';
/** Who may call: a static key or a session, a session only, or anybody. */
export function wayOf({ access, people }: OperationSpec): Way {
  if (access === 'open') return 'open';
  return access === 'account' || people === true ? 'session' : 'any';
}
/** PUT, PATCH and DELETE of what a key may call look at If-Match. */
export function isConditional(spec: OperationSpec): boolean {
  return /^(PUT|PATCH|DELETE)$/.test(spec.method) && wayOf(spec) === 'any';
}
/** The procedure that a body asks for, if the operation has several; else nothing. */
export function procedureOf({ permission }: OperationSpec, body: unknown): readonly string[] {
  if (typeof permission !== 'object' || !('of' in permission) || permission.in !== 'body') return [];
  const named: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, permission.field) : '';
  return [String(named)];
}
export function grantsOf(permission: Grant | Grants): readonly Grant[] {
  return typeof permission === 'object' && 'of' in permission ? Object.values(permission.of) : [permission];
}
export function nameOf(grant: Grant): string {
  return typeof grant === 'string' ? grant : grant.operator;
}
