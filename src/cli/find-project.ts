/** The project that an option names: by its id, or by its name where only one project has it. */
import type { IamReader, Project } from '../iam/projects.ts';
import { parseId } from '../runtime/ids.ts';
import { UsageError } from './usage.ts';

type Reader = Pick<IamReader, 'project' | 'projectsByName'>;

/** null: there is none. Throws UsageError if several projects have the name. */
export async function findProject(read: Reader, text: string): Promise<Project | null> {
  const id = parseId<'project'>(text);
  const byId = id === null ? null : await read.project(id);
  if (byId !== null) return byId;
  const named = await read.projectsByName(text);
  if (named.length > 1)
    throw new UsageError(
      `${named.length} projects are named '${text}': give one of their ids: ${named.map((one) => one.id).join(', ')}`,
    );
  return named[0] ?? null;
}
/** The same, of a project that must exist. */
export async function projectNamed(read: Reader, text: string): Promise<Project> {
  const project = await findProject(read, text);
  if (project === null) throw new UsageError(`there is no project with the name or id '${text}'`);
  return project;
}
