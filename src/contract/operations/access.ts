/** Who may what in a project, and the projects themselves: /iam/v1. */
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
  all: Type.Optional(Type.Boolean({ description: 'for operators: those of everyone' })),
});
const Reset = closed({
  second_factor: Type.Optional(
    Type.Boolean({ description: 'also one-time codes, passkeys and recovery codes' }),
  ),
});
const Invite = closed({
  email: Type.String({ maxLength: 500 }),
  roles: RoleNames,
  mail: Type.Optional(
    Type.Boolean({
      description:
        'mails the link; without it that is done where the instance has a name that mail can come from',
    }),
  ),
});
const Operations = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 500 });
const MakeRole = closed({
  name: Type.String({
    pattern: '^[a-z][a-z0-9-]{0,62}$',
    description: 'does not change: members and API clients hold the role by it',
  }),
  operations: Operations,
});
const AuditTime = Type.Optional(Type.String({ maxLength: 40, description: 'RFC 3339, with its zone' }));
const AuditQuery = closed({
  ...PageQuery.properties,
  actor: Type.Optional(Type.String({ maxLength: 36, description: 'id of a member or an API client' })),
  operation: Type.Optional(Type.String({ maxLength: 100 })),
  from: AuditTime,
  to: AuditTime,
  instance: Type.Optional(
    Type.Boolean({ description: "for operators: what is no project's, sign-ins among it" }),
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
  summary: "the caller's projects: the one of a key, all of a member, with `all` everyone's for operators",
  query: ProjectsQuery,
  answers: { 200: { list: ListedProject } },
});
export const createProject = op({
  id: 'iam.projects.create',
  permission: { operator: 'iam.projects.create' },
  method: 'POST',
  path: '/iam/v1/projects',
  access: 'instance',
  summary: 'an operator makes a project and is its owner',
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
  summary: 'one project',
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
  summary: 'ends sending, receiving and every key at once; all of it is removed after 30 days',
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
  summary: 'opens a closed project again, within 30 days',
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
  summary: 'all settings of a project as one document, without secrets',
  params: project,
  answers: { 200: { streamed: ProjectExport } },
  problems: ['too-busy'],
});
export const listMembers = op({
  id: 'iam.members.list',
  method: 'GET',
  path: '/iam/v1/members',
  summary: 'members of the project, newest first',
  query: PageQuery,
  answers: { 200: { list: Member } },
});
export const getMember = op({
  id: 'iam.members.get',
  method: 'GET',
  path: '/iam/v1/members/{id}',
  summary: 'one member of the project',
  params: member,
  answers: { 200: Member },
});
export const updateMember = op({
  id: 'iam.members.update',
  method: 'PATCH',
  path: '/iam/v1/members/{id}',
  summary: 'gives other roles; nobody grants or takes what they do not hold, and an owner remains',
  params: member,
  body: closed({ roles: RoleNames }),
  answers: { 200: Member },
  problems: ['last-owner'],
  examples: { reader: { summary: 'who only looks', value: { roles: ['reader'] } } },
});
export const deleteMember = op({
  id: 'iam.members.delete',
  method: 'DELETE',
  path: '/iam/v1/members/{id}',
  summary: 'removes a member from the project at once; an owner remains',
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
  summary: 'an operator lets a member begin anew by a link; all sessions end',
  people: true,
  params: member,
  body: Reset,
  answers: { 200: MemberReset },
  examples: {
    password: { summary: 'the password', value: {} },
    both: { summary: 'both factors', value: { second_factor: true } },
  },
});
export const listInvitations = op({
  id: 'iam.invitations.list',
  method: 'GET',
  path: '/iam/v1/invitations',
  summary: 'invitations that were not accepted, newest first',
  query: PageQuery,
  answers: { 200: { list: Invitation } },
});
export const createInvitation = op({
  id: 'iam.invitations.create',
  method: 'POST',
  path: '/iam/v1/invitations',
  summary: 'mails a link that works for 7 days; this answer is the only one that shows it',
  body: Invite,
  answers: { 201: NewInvitation },
  examples: {
    reader: {
      summary: 'who only looks',
      value: { email: 'reader@partner.example', roles: ['reader'] },
    },
  },
});
export const getInvitation = op({
  id: 'iam.invitations.get',
  method: 'GET',
  path: '/iam/v1/invitations/{id}',
  summary: 'one invitation, without its link',
  params: invitation,
  answers: { 200: Invitation },
});
export const deleteInvitation = op({
  id: 'iam.invitations.delete',
  method: 'DELETE',
  path: '/iam/v1/invitations/{id}',
  summary: 'revokes an invitation; its link leads nowhere any more',
  params: invitation,
  answers: { 204: null },
});
export const listPermissions = op({
  id: 'iam.operations.list',
  method: 'GET',
  path: '/iam/v1/operations',
  permission: 'iam.roles.list',
  summary: 'all operations a role can be made of',
  query: WholeQuery,
  answers: { 200: { list: PolicyOperation } },
});
export const listRoles = op({
  id: 'iam.roles.list',
  method: 'GET',
  path: '/iam/v1/roles',
  summary: "the project's own roles, newest first, then the predefined ones",
  query: PageQuery,
  answers: { 200: { list: ListedRole } },
});
export const createRole = op({
  id: 'iam.roles.create',
  method: 'POST',
  path: '/iam/v1/roles',
  summary: 'makes a role; nobody grants what they do not hold',
  body: MakeRole,
  answers: { 201: Role },
  problems: ['too-many-roles'],
  examples: {
    watcher: {
      summary: 'who watches the queue',
      value: { name: 'watcher', operations: ['mta.queues.list', 'mta.messages.list'] },
    },
  },
});
export const getRole = op({
  id: 'iam.roles.get',
  method: 'GET',
  path: '/iam/v1/roles/{id}',
  summary: "one of the project's own roles",
  params: role,
  answers: { 200: Role },
});
export const updateRole = op({
  id: 'iam.roles.update',
  method: 'PATCH',
  path: '/iam/v1/roles/{id}',
  summary: 'gives the role other operations, at once for all who have it',
  params: role,
  body: closed({ operations: Operations }),
  answers: { 200: Role },
  examples: { more: { summary: 'one operation', value: { operations: ['mta.queues.list'] } } },
});
export const deleteRole = op({
  id: 'iam.roles.delete',
  method: 'DELETE',
  path: '/iam/v1/roles/{id}',
  summary: 'removes a role; 409 while somebody has it',
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
  summary: "who changed what, newest first; with `instance` what is no project's, for operators",
  query: AuditQuery,
  answers: { 200: { list: AuditEvent, filtered: true } },
});
