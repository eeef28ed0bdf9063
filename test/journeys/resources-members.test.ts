/**
 * What the members of a project read of it: every field of these resources has a value here, typed by the
 * contract.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Resources } from '../../src/contract/resources/index.ts';
import { type Browser, ORIGIN, openBrowser } from './browser.ts';
import { eventually, type Running, startService } from './harness.ts';
import { linkIn, OWNER, setUp, visit } from './people-steps.ts';
import { anId, aTime, like, type TypedApi, typedApi } from './typed.ts';

const LINK = /^http:\/\/localhost\/#\/link\/[\w-]{43}$/;
const READER = 'reader@example.test';

describe('the resources of a project and its members', () => {
  let service: Running;
  let owner: Browser;
  let api: TypedApi;
  let project: Resources['Project'];
  before(async () => {
    service = await startService({ HIKYAKU_PUBLIC_URL: ORIGIN });
    owner = openBrowser(service.ready.http);
    api = typedApi(owner.call);
    const token = await eventually('the link is printed', async () =>
      service.log.some((line) => line.includes('/#/link/')) ? linkIn(service) : null,
    );
    await setUp(owner, token, { email: OWNER });
  });
  after(() => service[Symbol.asyncDispose]());

  test('Project, ListedProject, Invitation, Member, MemberReset', async () => {
    project = await api.send<'Project'>('POST', '/iam/v1/projects', { name: 'letters' });
    const about = {
      id: anId(project.id),
      self: `${ORIGIN}/iam/v1/projects/${project.id}`,
      name: 'letters',
      sandbox: false,
      closed_at: null,
      created_at: aTime(project.created_at),
    } satisfies Resources['Project'];
    assert.deepEqual(await api.get<'Project'>(`/iam/v1/projects/${project.id}`), about);
    const listed = await api.list<'ListedProject'>('/iam/v1/projects');
    assert.deepEqual(listed.at(-1), {
      id: project.id,
      self: `${ORIGIN}/iam/v1/projects/${project.id}`,
      name: 'letters',
      sandbox: false,
      closed_at: null,
      created_at: project.created_at,
      roles: ['owner'],
    } satisfies Resources['ListedProject']);

    owner.project = project.id;
    const body = { email: READER, roles: ['reader'] };
    const invited = await api.send<'NewInvitation'>('POST', '/iam/v1/invitations', body);
    const self = `${ORIGIN}/iam/v1/invitations/${invited.id}`;
    assert.deepEqual(invited, {
      id: anId(invited.id),
      self,
      email: READER,
      roles: ['reader'],
      invited_by: OWNER,
      created_at: aTime(invited.created_at),
      expires_at: aTime(invited.expires_at),
      mailed: true,
      sign_in_url: like(invited.sign_in_url, LINK),
    } satisfies Resources['NewInvitation']);
    assert.deepEqual(await api.get<'Invitation'>(`/iam/v1/invitations/${invited.id}`), {
      id: invited.id,
      self,
      email: READER,
      roles: ['reader'],
      invited_by: OWNER,
      created_at: invited.created_at,
      expires_at: invited.expires_at,
    } satisfies Resources['Invitation']);

    await setUp(visit(service), like(invited.sign_in_url, LINK).split('/').at(-1)!);
    const members = await api.list<'Member'>('/iam/v1/members');
    const id = anId(members.find(({ email }) => email === READER)?.id);
    const reader = await api.get<'Member'>(`/iam/v1/members/${id}`);
    assert.deepEqual(reader, {
      id,
      self: `${ORIGIN}/iam/v1/members/${id}`,
      email: READER,
      name: 'reader',
      roles: ['reader'],
      created_at: aTime(reader.created_at),
    } satisfies Resources['Member']);
    const reset = await api.send<'MemberReset'>('POST', `/iam/v1/members/${id}/reset`, {});
    assert.deepEqual(reset, {
      email: READER,
      sign_in_url: like(reset.sign_in_url, LINK),
    } satisfies Resources['MemberReset']);
  });

  test('Role, ListedRole, PolicyOperation, AuditEvent, ProjectExport', async () => {
    const operations = ['mta.queues.list'];
    const made = await api.send<'Role'>('POST', '/iam/v1/roles', { name: 'watcher', operations });
    const self = `${ORIGIN}/iam/v1/roles/${made.id}`;
    assert.deepEqual(await api.get<'Role'>(`/iam/v1/roles/${made.id}`), {
      id: anId(made.id),
      self,
      name: 'watcher',
      predefined: false,
      operations: ['mta.queues.list'],
      created_at: aTime(made.created_at),
    } satisfies Resources['Role']);
    const roles = await api.list<'ListedRole'>('/iam/v1/roles');
    assert.deepEqual(roles[0], {
      id: made.id,
      self,
      name: 'watcher',
      predefined: false,
      operations: ['mta.queues.list'],
      created_at: made.created_at,
    } satisfies Resources['ListedRole']);
    assert.deepEqual(roles.find(({ name }) => name === 'sender')!, {
      id: null,
      name: 'sender',
      predefined: true,
      operations: ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'],
    } satisfies Resources['ListedRole']);
    const policy = await api.list<'PolicyOperation'>('/iam/v1/operations');
    assert.deepEqual(
      policy.find(({ name }) => name === 'mta.retention.get'),
      {
        name: 'mta.retention.get',
        operator: true,
      } satisfies Resources['PolicyOperation'],
    );

    const { id: ownerId } = await api.get<'Account'>('/iam/v1/me');
    const [event] = await api.list<'AuditEvent'>('/iam/v1/audit_events');
    assert.deepEqual(event, {
      id: anId(event?.id),
      actor: { type: 'member', id: ownerId, name: OWNER },
      operation: 'iam.roles.create',
      target: `/iam/v1/roles/${made.id}`,
      address: '127.0.0.1',
      fields: ['name', 'operations'],
      outcome: 'succeeded',
      reason: null,
      times: 1,
      at: aTime(event?.at),
    } satisfies Resources['AuditEvent']);
    const exported = await api.get<'ProjectExport'>(`/iam/v1/projects/${project.id}/export`);
    assert.equal(exported.audit_events.length, 3);
    assert.deepEqual(exported, {
      format: 'hikyaku-project',
      version: 1,
      taken_at: aTime(exported.taken_at),
      project: { ...project },
      domains: [],
      mta_domains: [],
      event_rules: [],
      topics: [],
      api_clients: [],
      roles: [{ name: 'watcher', operations: ['mta.queues.list'] }],
      members: [
        { email: READER, name: 'reader', roles: ['reader'] },
        { email: OWNER, name: 'owner', roles: ['owner'] },
      ],
      audit_events: [
        {
          id: event!.id,
          actor: { type: 'member', id: ownerId },
          operation: 'iam.roles.create',
          target: `/iam/v1/roles/${made.id}`,
          address: '127.0.0.1',
          fields: ['name', 'operations'],
          outcome: 'succeeded',
          reason: null,
          times: 1,
          at: event!.at,
        },
        ...exported.audit_events.slice(1),
      ],
    } satisfies Resources['ProjectExport']);
  });
});
