/**
 * The resources that the API returns, one schema each. The OpenAPI documents refer to them by these names. The
 * schemas are complete: `additionalProperties: false` means that a resource has no other fields.
 */
import type { TSchema } from 'typebox';
import { Kind } from '../kinds.ts';
import type { Answered } from '../operation.ts';
import * as domains from './domains.ts';
import * as edj from './edj.ts';
import * as limits from './limits.ts';
import * as mail from './mail.ts';
import * as people from './people.ts';
import { Problem, PublishTask } from './tasks.ts';

export const RESOURCES = { ...domains, ...limits, ...people, ...mail, ...edj, Kind, Problem, PublishTask };
export type ResourceName = keyof typeof RESOURCES;
/** The type of each resource in an answer, by its name. */
export type Resources = { readonly [N in ResourceName]: Answered<(typeof RESOURCES)[N]> };

const NAMES = new Map<TSchema, ResourceName>(
  Object.entries(RESOURCES).map(([name, schema]) => [schema, name as ResourceName]),
);
/** The name of the resource with this schema; null: the schema is not that of a resource. */
export function resourceName(schema: TSchema): ResourceName | null {
  return NAMES.get(schema) ?? null;
}
