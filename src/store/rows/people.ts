/** Converts rows of projects, members and roles to the types of src/iam. */
import type { Member } from '../../iam/people-records.ts';
import type { Project, Role } from '../../iam/projects.ts';
import { fromJson, toBuffer } from '../command.ts';
import type { MemberTable, ProjectTable, RoleTable } from '../schema/tables.ts';

export const one = <R, T>(rows: readonly R[], map: (row: R) => T): T | null =>
  rows[0] === undefined ? null : map(rows[0]);

export const toProject = (r: ProjectTable): Project => ({
  id: r.id as Project['id'],
  name: r.name,
  sandbox: r.sandbox === 1,
  createdAt: r.created_at,
  closedAt: r.closed_at,
});
export const toRole = (r: RoleTable): Role => ({
  id: r.id as Role['id'],
  projectId: r.project_id as Role['projectId'],
  name: r.name,
  operations: fromJson(r.operations) as string[],
  createdAt: r.created_at,
});
export const toMember = (r: MemberTable): Member => ({
  id: r.id as Member['id'],
  email: r.email,
  name: r.name,
  language: r.language,
  instanceRoles: fromJson(r.instance_roles) as string[],
  password: r.password,
  totp:
    r.sealed_totp === null || r.totp_step === null
      ? null
      : { sealedSecret: toBuffer(r.sealed_totp), lastStep: r.totp_step },
  createdAt: r.created_at,
});
