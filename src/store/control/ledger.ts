/** Limits, usage buckets, tasks and idempotency records, as queries for both engines. */
import { type Kysely, sql } from 'kysely';
import type { LedgerReader, LedgerTx, Task } from '../../ledger/tasks.ts';
import {
  DEFAULT_SENDING,
  type SendingSettings,
  type UsageBucket,
  type WindowReader,
  type WindowTx,
} from '../../limits/usage.ts';
import { type Ask, command, fromJson, type Push, prepared, toBuffer, toJson } from '../command.ts';
import type { SendingSettingsTable, Tables } from '../schema/tables.ts';

export function ledgerReader(db: Kysely<Tables>, ask: Ask): WindowReader & LedgerReader {
  // Asked several times for each request and session with a key.
  const failure = prepared(
    db
      .selectFrom('auth_failure')
      .select('at')
      .where('scope', '=', '')
      .where('at', '<=', 0)
      .orderBy('at', 'desc')
      .limit(1)
      .offset(0),
  );
  const success = prepared(db.selectFrom('auth_success').select('at').where('scope', '=', ''));
  return {
    async projectLimits(project) {
      const [row] = await ask(db.selectFrom('project_limits').selectAll().where('project_id', '=', project));
      return row === undefined ? null : { perMinute: row.per_minute, perDay: row.per_day };
    },
    async sendingSettings(project) {
      const [row] = await ask(
        db.selectFrom('sending_settings').selectAll().where('project_id', '=', project),
      );
      if (row === undefined) return null;
      const deferredAges = fromJson(row.deferred_ages) as readonly number[];
      return {
        retrySeconds: row.retry_seconds,
        deferredAges,
        overLimit: row.over_limit,
        retentionDays: row.retention_days,
      };
    },
    async usage(project, domain, width, since) {
      const query = db
        .selectFrom('usage')
        .selectAll()
        .where('project_id', '=', project)
        .where('domain_id', '=', domain ?? '');
      const rows = await ask(query.where('width', '=', width).where('start', '>=', since).orderBy('start'));
      return rows.map((r): UsageBucket => ({ width, start: r.start, count: r.count }));
    },
    async task(project, id) {
      const [r] = await ask(
        db.selectFrom('task').selectAll().where('project_id', '=', project).where('id', '=', id),
      );
      if (r === undefined) return null;
      return {
        id: r.id as Task['id'],
        projectId: project,
        service: r.service,
        procedure: r.procedure,
        status: r.status,
        result: fromJson(r.result),
        error: fromJson(r.error),
        createdAt: r.created_at,
        completedAt: r.completed_at,
      };
    },
    async idempotency(project, key) {
      const [r] = await ask(
        db.selectFrom('idempotency').selectAll().where('project_id', '=', project).where('key', '=', key),
      );
      if (r === undefined) return null;
      const response = r.status === null || r.body === null ? null : { status: r.status, body: r.body };
      return {
        projectId: project,
        key,
        requestHash: toBuffer(r.request_hash),
        response,
        createdAt: r.created_at,
      };
    },
    async authFailure(scope, nth, until) {
      const [row] = await ask(failure(scope, until, 1, nth - 1));
      return row?.at ?? null;
    },
    async authSuccess(scope) {
      const [row] = await ask(success(scope));
      return row?.at ?? null;
    },
  };
}

export function fromSettings(s: SendingSettings): Omit<SendingSettingsTable, 'project_id'>;
export function fromSettings(s: Partial<SendingSettings>): Partial<Omit<SendingSettingsTable, 'project_id'>>;
export function fromSettings(s: Partial<SendingSettings>) {
  return {
    retry_seconds: s.retrySeconds,
    deferred_ages: s.deferredAges && JSON.stringify(s.deferredAges),
    over_limit: s.overLimit,
    retention_days: s.retentionDays,
  };
}

export function limitTx(db: Kysely<Tables>, push: Push, pushDirectory: Push): WindowTx {
  return {
    setProjectLimits(project, { perMinute, perDay }) {
      const limits = { per_minute: perMinute, per_day: perDay };
      const query = db.insertInto('project_limits').values({ project_id: project, ...limits });
      pushDirectory(command(query.onConflict((c) => c.column('project_id').doUpdateSet(limits))));
    },
    setSendingSettings(project, given) {
      const all = fromSettings({ ...DEFAULT_SENDING, ...given });
      const query = db.insertInto('sending_settings').values({ project_id: project, ...all });
      const to = Object.entries(fromSettings(given)).filter(([, value]) => value !== undefined);
      pushDirectory(
        command(
          query.onConflict((c) =>
            to.length === 0
              ? c.column('project_id').doNothing()
              : c.column('project_id').doUpdateSet(Object.fromEntries(to)),
          ),
        ),
      );
    },
    addUsage(project, domain, atSeconds, recipients) {
      for (const width of [1, 60]) {
        const start = Math.floor(atSeconds / width) * width;
        push({
          sql: 'INSERT INTO usage (project_id, domain_id, width, start, count) VALUES (?, ?, ?, ?, ?) ON CONFLICT (project_id, domain_id, width, start) DO UPDATE SET count = count + excluded.count',
          params: [project, domain ?? '', width, start, recipients],
          tally: 1,
        });
      }
    },
  };
}

export function ledgerTx(db: Kysely<Tables>, push: Push): LedgerTx {
  return {
    insertTask: (t) =>
      push(
        command(
          db.insertInto('task').values({
            project_id: t.projectId,
            id: t.id,
            service: t.service,
            procedure: t.procedure,
            status: t.status,
            result: toJson(t.result),
            error: toJson(t.error),
            created_at: t.createdAt,
            completed_at: t.completedAt,
          }),
        ),
      ),
    updateTask: (t) =>
      push(
        command(
          db
            .updateTable('task')
            .set({
              status: t.status,
              result: toJson(t.result),
              error: toJson(t.error),
              completed_at: t.completedAt,
            })
            .where('project_id', '=', t.projectId)
            .where('id', '=', t.id),
          { must: true },
        ),
      ),
    insertIdempotency: (r) =>
      push(
        command(
          db.insertInto('idempotency').values({
            project_id: r.projectId,
            key: r.key,
            request_hash: r.requestHash,
            status: r.response?.status ?? null,
            body: r.response?.body ?? null,
            created_at: r.createdAt,
          }),
        ),
      ),
    completeIdempotency: (project, key, response) =>
      push(
        command(
          db
            .updateTable('idempotency')
            .set({ status: response.status, body: response.body })
            .where('project_id', '=', project)
            .where('key', '=', key),
          { must: true },
        ),
      ),
    forgetUnanswered: (project, key, begunBy) =>
      push(
        command(
          db
            .deleteFrom('idempotency')
            .where('project_id', '=', project)
            .where('key', '=', key)
            .where('status', 'is', null)
            // not by the index of the age, whatever the statistics say
            .where(sql<number>`created_at + 0`, '<=', begunBy),
        ),
      ),
    deleteIdempotency: (project, key) =>
      push(command(db.deleteFrom('idempotency').where('project_id', '=', project).where('key', '=', key))),
    insertAuthFailure: (scope, at, attempt) =>
      push(command(db.insertInto('auth_failure').values({ scope, at, attempt }))),
    deleteAuthFailure: (scope, attempt) =>
      push(command(db.deleteFrom('auth_failure').where('scope', '=', scope).where('attempt', '=', attempt))),
    setAuthSuccess: (scope, at) =>
      push(
        command(
          db
            .insertInto('auth_success')
            .values({ scope, at })
            .onConflict((c) => c.column('scope').doUpdateSet({ at })),
        ),
      ),
  };
}
