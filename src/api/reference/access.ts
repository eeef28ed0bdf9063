/** Who may what in a project, and the projects themselves, under /iam/v1, as the reference has them. */
import type { Reference } from './reference.ts';

const member = { id: 'member' } as const;
const invitation = { id: 'invitation' } as const;
const role = { id: 'role' } as const;
const project = { id: 'project' } as const;
/** People alone: a key gets no further, whatever its role. */
const people = { security: [{ session: [] }] } as const;

export const accessReference: Reference = {
  'GET /iam/v1/projects': {
    id: 'iam.projects.list',
    summary: "the caller's projects: the one of a key, all of a member, with `all` everyone's for operators",
    answers: { 200: { list: 'ListedProject' } },
  },
  'POST /iam/v1/projects': {
    id: 'iam.projects.create',
    needs: 'iam.projects.create',
    summary: 'an operator makes a project and is its owner',
    ...people,
    answers: { 201: 'Project' },
    examples: { letters: { summary: 'a project', value: { name: 'letters' } } },
  },
  'GET /iam/v1/projects/{id}': {
    id: 'iam.projects.get',
    summary: 'one project',
    params: project,
    answers: { 200: 'Project' },
  },
  'PATCH /iam/v1/projects/{id}': {
    id: 'iam.projects.update',
    summary: 'renames a project',
    params: project,
    answers: { 200: 'Project' },
    examples: { name: { summary: 'another name', value: { name: 'letters of the shop' } } },
  },
  'POST /iam/v1/projects/{id}/close': {
    id: 'iam.projects.close',
    needs: 'iam.projects.delete',
    summary: 'ends sending, receiving and every key at once; all of it is removed after 30 days',
    ...people,
    params: project,
    answers: { 200: 'Project' },
    problems: ['project-closed'],
  },
  'POST /iam/v1/projects/{id}/reopen': {
    id: 'iam.projects.reopen',
    needs: 'iam.projects.delete',
    summary: 'opens a closed project again, within 30 days',
    ...people,
    params: project,
    answers: { 200: 'Project' },
    problems: ['project-open', 'project-over'],
  },
  'GET /iam/v1/projects/{id}/export': {
    id: 'iam.projects.export',
    summary: 'all settings of a project as one document, without secrets',
    params: project,
    answers: { 200: 'ProjectExport' },
    problems: ['too-busy'],
  },
  'GET /iam/v1/members': {
    id: 'iam.members.list',
    summary: 'members of the project, newest first',
    answers: { 200: { list: 'Member' } },
  },
  'GET /iam/v1/members/{id}': {
    id: 'iam.members.get',
    summary: 'one member of the project',
    params: member,
    answers: { 200: 'Member' },
  },
  'PATCH /iam/v1/members/{id}': {
    id: 'iam.members.update',
    summary: 'gives other roles; nobody grants or takes what they do not hold, and an owner remains',
    params: member,
    answers: { 200: 'Member' },
    problems: ['last-owner'],
    examples: { reader: { summary: 'who only looks', value: { roles: ['reader'] } } },
  },
  'DELETE /iam/v1/members/{id}': {
    id: 'iam.members.delete',
    summary: 'removes a member from the project at once; an owner remains',
    params: member,
    answers: { 204: null },
    problems: ['last-owner'],
  },
  'POST /iam/v1/members/{id}/reset': {
    id: 'iam.members.reset',
    needs: 'iam.members.reset',
    summary: 'an operator lets a member begin anew by a link; all sessions end',
    ...people,
    params: member,
    answers: { 200: 'MemberReset' },
    examples: {
      password: { summary: 'the password', value: {} },
      both: { summary: 'both factors', value: { second_factor: true } },
    },
  },
  'GET /iam/v1/invitations': {
    id: 'iam.invitations.list',
    summary: 'invitations that were not accepted, newest first',
    answers: { 200: { list: 'Invitation' } },
  },
  'POST /iam/v1/invitations': {
    id: 'iam.invitations.create',
    summary: 'mails a link that works for 7 days; this answer is the only one that shows it',
    answers: { 201: 'NewInvitation' },
    examples: {
      reader: {
        summary: 'who only looks',
        value: { email: 'reader@partner.example', roles: ['reader'] },
      },
    },
  },
  'GET /iam/v1/invitations/{id}': {
    id: 'iam.invitations.get',
    summary: 'one invitation, without its link',
    params: invitation,
    answers: { 200: 'Invitation' },
  },
  'DELETE /iam/v1/invitations/{id}': {
    id: 'iam.invitations.delete',
    summary: 'revokes an invitation; its link leads nowhere any more',
    params: invitation,
    answers: { 204: null },
  },
  'GET /iam/v1/operations': {
    id: 'iam.operations.list',
    needs: 'iam.roles.list',
    summary: 'all operations a role can be made of',
    answers: { 200: { list: 'PolicyOperation' } },
  },
  'GET /iam/v1/roles': {
    id: 'iam.roles.list',
    summary: "the project's own roles, newest first, then the predefined ones",
    answers: { 200: { list: 'ListedRole' } },
  },
  'POST /iam/v1/roles': {
    id: 'iam.roles.create',
    summary: 'makes a role; nobody grants what they do not hold',
    answers: { 201: 'Role' },
    problems: ['too-many-roles'],
    examples: {
      watcher: {
        summary: 'who watches the queue',
        value: { name: 'watcher', operations: ['mta.queues.list', 'mta.messages.list'] },
      },
    },
  },
  'GET /iam/v1/roles/{id}': {
    id: 'iam.roles.get',
    summary: "one of the project's own roles",
    params: role,
    answers: { 200: 'Role' },
  },
  'PATCH /iam/v1/roles/{id}': {
    id: 'iam.roles.update',
    summary: 'gives the role other operations, at once for all who have it',
    params: role,
    answers: { 200: 'Role' },
    examples: { more: { summary: 'one operation', value: { operations: ['mta.queues.get'] } } },
  },
  'DELETE /iam/v1/roles/{id}': {
    id: 'iam.roles.delete',
    summary: 'removes a role; 409 while somebody has it',
    params: role,
    answers: { 204: null },
    problems: ['role-in-use'],
  },
  'GET /iam/v1/audit_events': {
    id: 'iam.audit_events.list',
    summary: "who changed what, newest first; with `instance` what is no project's, for operators",
    answers: { 200: { list: 'AuditEvent', filtered: true } },
  },
};
