/**
 * The resources as they are rendered, one schema each; the published documents refer to them by these names. No field is
 * left out: a schema with `additionalProperties: false` says that there are no others.
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
/** A resource as it is answered, by its name. */
export type Resources = { readonly [N in ResourceName]: Answered<(typeof RESOURCES)[N]> };

const NAMES = new Map<TSchema, ResourceName>(
  Object.entries(RESOURCES).map(([name, schema]) => [schema, name as ResourceName]),
);
/** The name of the schema among the resources; null: it has none. */
export function resourceName(schema: TSchema): ResourceName | null {
  return NAMES.get(schema) ?? null;
}
