/** Helpers for all routes: the caller's principal, ids from URLs, resources as JSON. */
import type { FastifyRequest } from 'fastify';
import { isEventName } from '../contract/events.ts';
import type { Resources } from '../contract/resources/index.ts';
import type { MtaDomain, RemovedDomain } from '../domains/mta-domains.ts';
import { challengeRecord } from '../domains/ownership.ts';
import { ownershipWords } from '../domains/ownership-keeper.ts';
import { subscriberKindOf } from '../edj/kinds/kinds.ts';
import type { EdjReader, Subscriber, SubscriberDelivery, Topic } from '../edj/topics.ts';
import type { ApiClient, OwnedDomain, Principal, Project, StaticKey } from '../iam/projects.ts';
import type { Task } from '../ledger/tasks.ts';
import { nameWarning, unicodeName } from '../mail/idn.ts';
import type { EventRule, ReceiveRule, SendRule } from '../rules/rules.ts';
import { type Id, INSTANCE, type ProjectId, parseId, type TopicId } from '../runtime/ids.ts';
import type { Settings } from '../runtime/settings.ts';
import type { AuditContext } from './audit-recorder.ts';
import { invalid, notFound, Problem } from './problems.ts';
import type { SelfSession } from './session-cookie.ts';
import { iso } from './times.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
    /** The session of a member; null for a static key. */
    self: SelfSession | null;
    /** The permissions of the caller for the whole instance. */
    instance: ReadonlySet<string>;
    idempotencyKey: string | null;
    /** The body as it came, if fields that are null for absence were taken out of it. */
    givenBody: unknown;
    audit: AuditContext | null;
  }
}

const lacking = (operation: string) =>
  new Problem('operation-not-permitted', `the role lacks the operation ${operation}`);

/** The caller in the form that records use: `api_client <id>` or `member <id>`. */
export function callerOf({ actor }: Principal): string {
  return actor.kind === 'key' ? `api_client ${actor.apiClientId}` : `member ${actor.memberId}`;
}
/** The caller's principal. Throws a Problem if its roles lack the operation. */
export function permitted(request: FastifyRequest, operation: string): Principal {
  const { principal, audit } = request;
  if (principal === null)
    throw new Problem('project-needed', 'the header Hikyaku-Project must name one of your projects', {
      field: 'Hikyaku-Project',
    });
  if (audit !== null) audit.operation = operation;
  if (!principal.operations.has(operation)) throw lacking(operation);
  return principal;
}
/** Throws a Problem if the caller lacks this permission for the whole instance. */
export function permittedOnInstance(request: FastifyRequest, operation: string): void {
  if (request.audit !== null) {
    request.audit.operation = operation;
    request.audit.projectId = INSTANCE;
  }
  if (!request.instance.has(operation)) throw lacking(operation);
}
/** The member of the session. Throws a Problem for a static key, which has no account. */
export function asMember(request: FastifyRequest): SelfSession {
  if (request.self === null) throw new Problem('members-only', 'this is for members, not for API clients');
  return request.self;
}
/** The value of a placeholder in the path, unchanged; '' if the path has none with this name. */
export function pathPart({ params }: FastifyRequest, name: string): string {
  const value: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, name) : null;
  return typeof value === 'string' ? value : '';
}
/** The id at the end of a `self` URL, whatever its host. Throws a Problem that names the field. */
export function selfId<K extends string>(self: string, path: string, field: string): Id<K> {
  const url = URL.parse(self);
  const at = url?.pathname.lastIndexOf(`${path}/`) ?? -1;
  const id = url === null || at === -1 ? null : parseId<K>(url.pathname.slice(at + path.length + 1));
  if (id === null) throw invalid(field, `must be an absolute URL ending in ${path}/<id>`);
  return id;
}
/** The topic that a body refers to. Throws a Problem that names the field. */
export function createTopicOf(read: Pick<EdjReader, 'topic'>) {
  return async (
    project: ProjectId,
    reference: { readonly self: string },
    field: string,
  ): Promise<TopicId> => {
    const topic = await read.topic(project, selfId(reference.self, '/edj/v1/topics', `${field}.self`));
    if (topic === null) throw invalid(`${field}.self`, 'there is no such topic');
    return topic.id;
  };
}
export function found<T>(value: T | null): T {
  if (value === null) throw notFound();
  return value;
}

/** The next step for an owned domain; null: its ownership is verified and there is no problem. */
function ownershipStep(d: OwnedDomain): Resources['OwnedDomain']['next_step'] {
  const words = ownershipWords(d, d.proof);
  if (words !== null) return { code: 'verify_again', ...words };
  if (d.verifiedAt !== null) return null;
  const { name, value } = challengeRecord(d);
  return {
    code: 'publish_challenge',
    message: `Publish the TXT record ${name} with ${value}, then ask for verification.`,
    message_ja: `TXT レコード ${name} に ${value} を登録してから、確認を実行してください。`,
  };
}

/** The settings that may be shown; `broken` instead if some that the kind needs are missing. */
export function shownSettings({ type, settings, broken }: Subscriber): Settings {
  const kind = subscriberKindOf(type);
  if (broken === true) return { broken };
  if (kind === null) return settings;
  const shown = Object.entries(kind.fields).filter(([, { secret }]) => secret !== true);
  const isWhole = shown.every(([name, { otherwise }]) => otherwise !== undefined || name in settings);
  if (!isWhole) return { broken: true };
  return Object.fromEntries(shown.flatMap(([name]) => (name in settings ? [[name, settings[name]!]] : [])));
}

export function createViews(base: () => string) {
  const url = (path: string) => `${base()}${path}`;
  /** All fields except the result, in the order of the answer. */
  const taskOf = (t: Task) => ({
    id: t.id,
    self: url(`/${t.service}/v1/tasks/${t.id}`),
    procedure: t.procedure,
    status: t.status,
    result: null,
    error: t.error as Resources['Problem'] | null,
    created_at: iso(t.createdAt),
    completed_at: iso(t.completedAt),
  });
  return {
    project: (p: Project): Resources['Project'] => ({
      id: p.id,
      self: url(`/iam/v1/projects/${p.id}`),
      name: p.name,
      sandbox: p.sandbox,
      closed_at: iso(p.closedAt),
      created_at: iso(p.createdAt),
    }),
    apiClient: (c: ApiClient): Resources['ApiClient'] => ({
      id: c.id,
      self: url(`/iam/v1/api_clients/${c.id}`),
      name: c.name,
      roles: c.roles,
      created_at: iso(c.createdAt),
    }),
    staticKey: (k: StaticKey): Resources['StaticKey'] => ({
      id: k.id,
      self: url(`/iam/v1/api_clients/${k.apiClientId}/static_keys/${k.id}`),
      expires_at: iso(k.expiresAt),
      last_used_at: k.lastUsedAt === null ? null : iso(k.lastUsedAt).slice(0, 10),
      created_at: iso(k.createdAt),
    }),
    owned: (d: OwnedDomain): Resources['OwnedDomain'] => ({
      id: d.id,
      self: url(`/iam/v1/domains/${d.id}`),
      name: d.name,
      unicode_name: unicodeName(d.name),
      warning: nameWarning(d.name),
      verified: d.verifiedAt !== null,
      verified_at: iso(d.verifiedAt),
      ownership: {
        ...challengeRecord(d),
        seen_at: iso(d.proof?.seenAt ?? null),
        checked_at: iso(d.proof?.checkedAt ?? null),
        lost_since: iso(d.proof?.lostSince ?? null),
        ended: d.proof?.ended?.reason ?? null,
        ...ownershipWords(d, d.proof),
      },
      next_step: ownershipStep(d),
      created_at: iso(d.createdAt),
    }),
    domain: (d: MtaDomain): Resources['MtaDomain'] => ({
      id: d.id,
      self: url(`/mta/v1/domains/${d.id}`),
      name: d.name,
      unicode_name: unicodeName(d.name),
      domain: { self: url(`/iam/v1/domains/${d.ownedDomainId}`) },
      default_topic: { self: url(`/edj/v1/topics/${d.defaultTopicId}`) },
      receiving: d.receiving,
      mx_seen: d.mxSeen,
      dkim_enabled: d.dkimEnabled,
      dkim: { enabled: d.dkimEnabled, rotation_days: d.dkimRotationDays },
      limits: { per_minute: d.limitPerMinute, per_day: d.limitPerDay },
      created_at: iso(d.createdAt),
    }),
    removedDomain: (d: RemovedDomain): Resources['RemovedDomain'] => ({
      id: d.id,
      name: d.name,
      unicode_name: unicodeName(d.name),
      reason: d.reason,
      usage: { self: url(`/mta/v1/domains/${d.id}/usage`) },
      created_at: iso(d.createdAt),
      removed_at: iso(d.removedAt),
    }),
    incomingRule: (r: ReceiveRule): Resources['IncomingRule'] => ({
      id: r.id,
      type: r.type,
      local_part: r.localPart,
      topic: { self: url(`/edj/v1/topics/${r.topicId}`) },
      self: url(`/mta/v1/domains/${r.domainId}/incoming_rules/${r.id}`),
      created_at: iso(r.createdAt),
    }),
    outgoingRule: (r: SendRule): Resources['OutgoingRule'] => ({
      id: r.id,
      topic: { self: url(`/edj/v1/topics/${r.topicId}`) },
      self: url(`/mta/v1/domains/${r.domainId}/outgoing_rules/${r.id}`),
      created_at: iso(r.createdAt),
    }),
    eventRule: (r: EventRule): Resources['EventRule'] => ({
      id: r.id,
      names: r.names.filter(isEventName),
      topic: { self: url(`/edj/v1/topics/${r.topicId}`) },
      self: url(
        r.domainId === null
          ? `/mta/v1/event_rules/${r.id}`
          : `/mta/v1/domains/${r.domainId}/event_rules/${r.id}`,
      ),
      created_at: iso(r.createdAt),
    }),
    topic: (t: Topic): Resources['Topic'] => ({
      id: t.id,
      self: url(`/edj/v1/topics/${t.id}`),
      name: t.name,
      created_at: iso(t.createdAt),
    }),
    subscriber: (s: Subscriber): Resources['Subscriber'] => ({
      id: s.id,
      self: url(`/edj/v1/topics/${s.topicId}/subscribers/${s.id}`),
      type: s.type,
      ...shownSettings(s),
      created_at: iso(s.createdAt),
      failing_since: iso(s.failingSince ?? null),
      paused_at: iso(s.pausedAt ?? null),
    }),
    delivery: (d: SubscriberDelivery): Resources['Delivery'] => ({
      id: d.id,
      event_id: d.eventId,
      state: d.state,
      attempts: d.attempts,
      next_attempt_at: iso(d.nextAttemptAt),
      last_result: d.lastResult as object | null,
      created_at: iso(d.createdAt),
    }),
    sendTask: (t: Task): Resources['SendTask'] => ({
      ...taskOf(t),
      result: t.result as Resources['SendTask']['result'],
    }),
    publishTask: (t: Task): Resources['PublishTask'] => ({
      ...taskOf(t),
      result: t.result as Resources['PublishTask']['result'],
    }),
  };
}
export type Views = ReturnType<typeof createViews>;
