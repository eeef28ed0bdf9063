/** Projects, members, invitations, roles and the audit log: /iam/v1. */
import Type from 'typebox';
import { op } from '../operation.ts';
import { closed, PageQuery, ResourceName, RoleNames, WholeQuery } from '../parts.ts';
import {
  AuditEvent,
  Invitation,
  ListedProject,
  ListedRole,
  Member,
  MemberReset,
  NewInvitation,
  PolicyOperation,
  Project,
  ProjectExport,
  Role,
} from '../resources/people.ts';

const member = { id: 'member' } as const;
const invitation = { id: 'invitation' } as const;
const role = { id: 'role' } as const;
const project = { id: 'project' } as const;
const Name = closed({ name: ResourceName });
const ProjectsQuery = closed({
  ...WholeQuery.properties,
  all: Type.Optional(Type.Boolean({ description: 'for operators: all projects of the instance' })),
});
const Reset = closed({
  second_factor: Type.Optional(
    Type.Boolean({ description: 'true: also removes one-time codes, passkeys and recovery codes' }),
  ),
});
const Invite = closed({
  email: Type.String({ maxLength: 500 }),
  roles: RoleNames,
  mail: Type.Optional(
    Type.Boolean({
      description:
        'true: the service mails the link; default: true if the instance has a host name to send mail from (HIKYAKU_HOSTNAME)',
    }),
  ),
});
const Operations = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 500 });
const MakeRole = closed({
  name: Type.String({
    pattern: '^[a-z][a-z0-9-]{0,62}$',
    description: 'cannot be changed: members and API clients refer to the role by its name',
  }),
  operations: Operations,
});
const AuditTime = Type.Optional(
  Type.String({ maxLength: 40, description: 'a time of RFC 3339, with a time zone' }),
);
const AuditQuery = closed({
  ...PageQuery.properties,
  actor: Type.Optional(Type.String({ maxLength: 36, description: 'id of a member or an API client' })),
  operation: Type.Optional(Type.String({ maxLength: 100 })),
  from: AuditTime,
  to: AuditTime,
  instance: Type.Optional(
    Type.Boolean({ description: 'for operators: entries that belong to no project, such as sign-ins' }),
  ),
});

export const listProjects = op({
  id: 'iam.projects.list',
  asksItself: true,
  permission: {
    in: 'query',
    field: 'all',
    of: { false: 'iam.projects.list', true: { operator: 'iam.projects.list_all' } },
  },
  method: 'GET',
  path: '/iam/v1/projects',
  summary:
    "lists the caller's projects: one for a static key, all for a member; with `all`, operators get every project",
  query: ProjectsQuery,
  answers: { 200: { list: ListedProject } },
});
export const createProject = op({
  id: 'iam.projects.create',
  permission: { operator: 'iam.projects.create' },
  method: 'POST',
  path: '/iam/v1/projects',
  access: 'instance',
  summary: 'creates a project; the operator who calls becomes its owner',
  people: true,
  body: Name,
  answers: { 201: Project },
  examples: { letters: { summary: 'a project', value: { name: 'letters' } } },
});
export const getProject = op({
  id: 'iam.projects.get',
  method: 'GET',
  path: '/iam/v1/projects/{id}',
  projectOfPath: true,
  summary: 'returns one project',
  params: project,
  answers: { 200: Project },
});
export const updateProject = op({
  id: 'iam.projects.update',
  method: 'PATCH',
  path: '/iam/v1/projects/{id}',
  projectOfPath: true,
  summary: 'renames a project',
  params: project,
  body: Name,
  answers: { 200: Project },
  examples: { name: { summary: 'another name', value: { name: 'letters of the shop' } } },
});
export const closeProject = op({
  id: 'iam.projects.close',
  method: 'POST',
  path: '/iam/v1/projects/{id}/close',
  projectOfPath: true,
  permission: 'iam.projects.delete',
  summary:
    'closes a project: sending, receiving and all static keys stop at once; the service removes the project after 30 days',
  people: true,
  params: project,
  answers: { 200: Project },
  problems: ['project-closed'],
});
export const reopenProject = op({
  id: 'iam.projects.reopen',
  method: 'POST',
  path: '/iam/v1/projects/{id}/reopen',
  projectOfPath: true,
  permission: 'iam.projects.delete',
  summary: 'reopens a closed project, within 30 days',
  people: true,
  params: project,
  answers: { 200: Project },
  problems: ['project-open', 'project-over'],
});
export const exportProject = op({
  id: 'iam.projects.export',
  method: 'GET',
  path: '/iam/v1/projects/{id}/export',
  projectOfPath: true,
  summary: 'returns all settings of a project in one document, without secrets',
  params: project,
  answers: { 200: { streamed: ProjectExport } },
  problems: ['too-busy'],
});
export const listMembers = op({
  id: 'iam.members.list',
  method: 'GET',
  path: '/iam/v1/members',
  summary: 'lists the members of the project, newest first',
  query: PageQuery,
  answers: { 200: { list: Member } },
});
export const getMember = op({
  id: 'iam.members.get',
  method: 'GET',
  path: '/iam/v1/members/{id}',
  summary: 'returns one member of the project',
  params: member,
  answers: { 200: Member },
});
export const updateMember = op({
  id: 'iam.members.update',
  method: 'PATCH',
  path: '/iam/v1/members/{id}',
  summary:
    "changes a member's roles; the caller must hold every role that is granted or taken away, and an owner must remain",
  params: member,
  body: closed({ roles: RoleNames }),
  answers: { 200: Member },
  problems: ['last-owner'],
  examples: { reader: { summary: 'only the role reader', value: { roles: ['reader'] } } },
});
export const deleteMember = op({
  id: 'iam.members.delete',
  method: 'DELETE',
  path: '/iam/v1/members/{id}',
  summary: 'removes a member from the project at once; an owner must remain',
  params: member,
  answers: { 204: null },
  problems: ['last-owner'],
});
export const resetMember = op({
  id: 'iam.members.reset',
  permission: { operator: 'iam.members.reset' },
  method: 'POST',
  path: '/iam/v1/members/{id}/reset',
  access: 'instance',
  summary:
    "removes a member's password and returns a link to set a new one; all sessions of the member end; for operators",
  people: true,
  params: member,
  body: Reset,
  answers: { 200: MemberReset },
  problems: ['confirmation-needed'],
  examples: {
    password: { summary: 'only the password', value: {} },
    both: { summary: 'the password and the second factor', value: { second_factor: true } },
  },
});
export const listInvitations = op({
  id: 'iam.invitations.list',
  method: 'GET',
  path: '/iam/v1/invitations',
  summary: 'lists invitations that were not accepted, newest first',
  query: PageQuery,
  answers: { 200: { list: Invitation } },
});
export const createInvitation = op({
  id: 'iam.invitations.create',
  method: 'POST',
  path: '/iam/v1/invitations',
  summary: 'invites a person by a link that works for 7 days; only this answer shows the link',
  body: Invite,
  answers: { 201: NewInvitation },
  examples: {
    reader: {
      summary: 'a person with the role reader',
      value: { email: 'reader@partner.example', roles: ['reader'] },
    },
  },
});
export const getInvitation = op({
  id: 'iam.invitations.get',
  method: 'GET',
  path: '/iam/v1/invitations/{id}',
  summary: 'returns one invitation, without its link',
  params: invitation,
  answers: { 200: Invitation },
});
export const deleteInvitation = op({
  id: 'iam.invitations.delete',
  method: 'DELETE',
  path: '/iam/v1/invitations/{id}',
  summary: 'revokes an invitation; its link stops working',
  params: invitation,
  answers: { 204: null },
});
export const listPermissions = op({
  id: 'iam.operations.list',
  method: 'GET',
  path: '/iam/v1/operations',
  permission: 'iam.roles.list',
  summary: 'lists all operations that a role can hold',
  query: WholeQuery,
  answers: { 200: { list: PolicyOperation } },
});
export const listRoles = op({
  id: 'iam.roles.list',
  method: 'GET',
  path: '/iam/v1/roles',
  summary: "lists the project's own roles, newest first, then the predefined roles",
  query: PageQuery,
  answers: { 200: { list: ListedRole } },
});
export const createRole = op({
  id: 'iam.roles.create',
  method: 'POST',
  path: '/iam/v1/roles',
  summary: 'creates a role; the caller must hold every operation in it',
  body: MakeRole,
  answers: { 201: Role },
  problems: ['too-many-roles', 'role-in-use'],
  examples: {
    watcher: {
      summary: 'a role that watches the queue',
      value: { name: 'watcher', operations: ['mta.queues.list', 'mta.messages.list'] },
    },
  },
});
export const getRole = op({
  id: 'iam.roles.get',
  method: 'GET',
  path: '/iam/v1/roles/{id}',
  summary: "returns one of the project's own roles",
  params: role,
  answers: { 200: Role },
});
export const updateRole = op({
  id: 'iam.roles.update',
  method: 'PATCH',
  path: '/iam/v1/roles/{id}',
  summary: 'replaces the operations of a role; the change applies at once to everyone with the role',
  params: role,
  body: closed({ operations: Operations }),
  answers: { 200: Role },
  examples: { more: { summary: 'one operation', value: { operations: ['mta.queues.list'] } } },
});
export const deleteRole = op({
  id: 'iam.roles.delete',
  method: 'DELETE',
  path: '/iam/v1/roles/{id}',
  summary: 'removes a role; 409 while a member, an API client or an invitation has it',
  params: role,
  answers: { 204: null },
  problems: ['role-in-use'],
});
export const listAuditEvents = op({
  id: 'iam.audit_events.list',
  permission: {
    in: 'query',
    field: 'instance',
    of: { false: 'iam.audit_events.list', true: { operator: 'iam.audit_events.list_all' } },
  },
  method: 'GET',
  path: '/iam/v1/audit_events',
  summary:
    'lists who changed what, newest first; with `instance`, operators get the entries that belong to no project',
  query: AuditQuery,
  answers: { 200: { list: AuditEvent, filtered: true } },
});
