/** Traffic over time, alerts about limits and requests for higher limits, as queries for both engines. */
import { type Kysely, sql } from 'kysely';
import type { AlertReader, AlertTx, LimitAlert } from '../../limits/alerts.ts';
import { EXCEEDED_EVERY_MS } from '../../limits/alerts.ts';
import type { LimitRequest, LimitRequestReader, LimitRequestTx } from '../../limits/requests.ts';
import {
  floorTo,
  TRAFFIC_KINDS,
  type TrafficPoint,
  type TrafficReader,
  type TrafficTx,
  WIDTHS,
} from '../../limits/traffic.ts';
import { type Ask, command, decodeCursor, type Push, toPage } from '../command.ts';
import type { LimitAlertTable, LimitRequestTable, Tables } from '../schema/tables.ts';
import { counted, lookThrough, MOST_ROWS } from './look-through.ts';

const toAlert = (r: LimitAlertTable): LimitAlert => ({
  projectId: r.project_id as LimitAlert['projectId'],
  domainId: r.domain_id === '' ? null : (r.domain_id as LimitAlert['domainId']),
  window: r.span,
  kind: r.kind,
  at: r.at,
  used: r.used,
  limit: r.cap,
  returnsAt: r.returns_at,
});
const toRequest = (r: LimitRequestTable): LimitRequest => ({
  id: r.id as LimitRequest['id'],
  projectId: r.project_id as LimitRequest['projectId'],
  state: r.state,
  perMinute: r.per_minute,
  perDay: r.per_day,
  reason: r.reason,
  actor: r.actor,
  notify: r.notify,
  createdAt: r.created_at,
  decidedAt: r.decided_at,
  decidedBy: r.decided_by,
  grantedPerMinute: r.granted_per_minute,
  grantedPerDay: r.granted_per_day,
  note: r.note,
});

export function limitsReader(db: Kysely<Tables>, ask: Ask): TrafficReader & AlertReader & LimitRequestReader {
  return {
    async traffic(project, domain, width, since) {
      const sums = TRAFFIC_KINDS.map((kind) => db.fn.sum<number | string>(kind).as(kind));
      let query = db
        .selectFrom('traffic')
        .select(['start', ...sums])
        .where('project_id', '=', project)
        .where('width', '=', width)
        .where('start', '>=', since);
      if (domain !== null) query = query.where('domain_id', '=', domain);
      const rows = await ask(query.groupBy('start').orderBy('start'));
      return rows.map((row) => {
        const counts = Object.fromEntries(TRAFFIC_KINDS.map((kind) => [kind, Number(row[kind])]));
        return { start: row.start, ...counts } as unknown as TrafficPoint;
      });
    },
    async trafficRolledTo(project) {
      const [row] = await ask(db.selectFrom('traffic_rolled').selectAll().where('project_id', '=', project));
      return row?.rolled_to ?? 0;
    },
    async limitAlertsDue(most) {
      const query = db.selectFrom('limit_alert').selectAll().where('due', '=', sql<number>`1`).limit(most);
      return (await ask(query)).map(toAlert);
    },
    async approachedWindows(project, domain) {
      const query = db
        .selectFrom('limit_alert')
        .select('span')
        .where('project_id', '=', project)
        .where('domain_id', '=', domain ?? '')
        .where('kind', '=', 'approaching');
      return (await ask(query.orderBy('span'))).map(({ span }) => span);
    },
    async limitRequest(project, id) {
      const query = db.selectFrom('limit_request').selectAll().where('project_id', '=', project);
      const [row] = await ask(query.where('id', '=', id));
      return row === undefined ? null : toRequest(row);
    },
    async findLimitRequest(id) {
      const [row] = await ask(db.selectFrom('limit_request').selectAll().where('id', '=', id));
      return row === undefined ? null : toRequest(row);
    },
    async countLimitRequests(project) {
      let rows = db.selectFrom('limit_request').select('id').limit(MOST_ROWS);
      if (project !== null) rows = rows.where('project_id', '=', project);
      return counted(
        await ask(db.selectFrom(rows.as('c')).select(({ fn }) => fn.countAll<number>().as('n'))),
      );
    },
    async limitRequests(project, state, page) {
      const read = (below: string, limit: number) => {
        let query = db.selectFrom('limit_request').selectAll().where('id', '<', below);
        if (project !== null) query = query.where('project_id', '=', project);
        return ask(query.orderBy('id', 'desc').limit(limit));
      };
      if (state !== null)
        return lookThrough(page, { read, isMeant: (row) => row.state === state, map: toRequest });
      const rows = await read(decodeCursor(page.cursor), page.limit + 1);
      return toPage(rows, page.limit, (r) => r.id, toRequest);
    },
  };
}

const ADD_TRAFFIC = `INSERT INTO traffic (project_id, width, start, domain_id, part, ${TRAFFIC_KINDS.join(', ')})
  VALUES (?, ?, ?, ?, 0, ${TRAFFIC_KINDS.map(() => '?').join(', ')})
  ON CONFLICT (project_id, width, start, domain_id, part) DO UPDATE SET ${TRAFFIC_KINDS.map((kind) => `${kind} = ${kind} + excluded.${kind}`).join(', ')}`;

export function limitsTx(db: Kysely<Tables>, push: Push): TrafficTx & AlertTx & LimitRequestTx {
  /** Makes rows of one width from finer ones. Making a period again gives the same result. */
  function rollUp(
    project: string,
    of: { from: number; to: number; fine: number; coarse: 3600 | 86_400 },
  ): void {
    // literals, not parameters, so that the expression is the same in both places
    const start = of.coarse === 3600 ? sql<number>`start / 3600 * 3600` : sql<number>`start / 86400 * 86400`;
    const width = of.coarse === 3600 ? sql<number>`3600` : sql<number>`86400`;
    const sums = TRAFFIC_KINDS.map((kind) => db.fn.sum<number>(kind).as(kind));
    const rows = db
      .selectFrom('traffic')
      .select([
        'project_id',
        width.as('width'),
        start.as('start'),
        'domain_id',
        sql<number>`0`.as('part'),
        ...sums,
      ])
      .where('project_id', '=', project)
      .where('width', '=', of.fine)
      .where('start', '>=', of.from)
      .where('start', '<', of.to)
      .groupBy(['project_id', start, 'domain_id']);
    const query = db
      .insertInto('traffic')
      .columns(['project_id', 'width', 'start', 'domain_id', 'part', ...TRAFFIC_KINDS])
      .expression(rows)
      .onConflict((c) =>
        c
          .columns(['project_id', 'width', 'start', 'domain_id', 'part'])
          .doUpdateSet((eb) =>
            Object.fromEntries(TRAFFIC_KINDS.map((kind) => [kind, eb.ref(`excluded.${kind}`)])),
          ),
      );
    push(command(query));
  }
  return {
    addTraffic(project, domain, at, counts) {
      const start = floorTo(WIDTHS.minute, at / 1000);
      const params = [
        project,
        WIDTHS.minute,
        start,
        domain,
        ...TRAFFIC_KINDS.map((kind) => counts[kind] ?? 0),
      ];
      push({ sql: ADD_TRAFFIC, params, tally: TRAFFIC_KINDS.length });
    },
    rollUpTraffic(project, from, to) {
      const mark = db
        .insertInto('traffic_rolled')
        .values({ project_id: project, rolled_to: to })
        .onConflict((c) =>
          c.column('project_id').doUpdateSet({ rolled_to: to }).where('traffic_rolled.rolled_to', '=', from),
        );
      push(command(mark, { must: true }));
      rollUp(project, { from, to, fine: WIDTHS.minute, coarse: WIDTHS.hour });
      const days = { from: floorTo(WIDTHS.day, from), to: floorTo(WIDTHS.day, to) };
      if (days.to > days.from) rollUp(project, { ...days, fine: WIDTHS.hour, coarse: WIDTHS.day });
    },
    noteLimitAlert(alert) {
      const { at, used, limit: cap, returnsAt: returns_at, kind, window: span } = alert;
      const now = { at, used, cap, returns_at, due: 1 };
      const key = { project_id: alert.projectId, domain_id: alert.domainId ?? '', span, kind };
      const query = db.insertInto('limit_alert').values({ ...key, ...now });
      push(
        command(
          query.onConflict((c) => {
            const again = c.columns(['project_id', 'domain_id', 'span', 'kind']).doUpdateSet(now);
            return kind === 'approaching'
              ? again
              : again.where('limit_alert.at', '<=', at - EXCEEDED_EVERY_MS[span]);
          }),
        ),
      );
    },
    closeLimitAlert({ projectId, domainId, window, kind, at }) {
      const query = db
        .updateTable('limit_alert')
        .set({ due: 0 })
        .where('project_id', '=', projectId)
        .where('domain_id', '=', domainId ?? '')
        .where('span', '=', window)
        .where('kind', '=', kind)
        .where('at', '=', at)
        .where('due', '=', 1);
      push(command(query, { must: true }));
    },
    rearmLimitAlert(project, domain, window) {
      const query = db
        .deleteFrom('limit_alert')
        .where('project_id', '=', project)
        .where('domain_id', '=', domain ?? '')
        .where('span', '=', window)
        .where('kind', '=', 'approaching');
      push(command(query.where('due', '=', 0)));
    },
    insertLimitRequest(r) {
      const row: LimitRequestTable = {
        project_id: r.projectId,
        id: r.id,
        state: r.state,
        per_minute: r.perMinute,
        per_day: r.perDay,
        reason: r.reason,
        actor: r.actor,
        notify: r.notify,
        created_at: r.createdAt,
        decided_at: r.decidedAt,
        decided_by: r.decidedBy,
        granted_per_minute: r.grantedPerMinute,
        granted_per_day: r.grantedPerDay,
        note: r.note,
      };
      push(command(db.insertInto('limit_request').values(row)));
    },
    decideLimitRequest(r) {
      const query = db
        .updateTable('limit_request')
        .set({
          state: r.state,
          decided_at: r.decidedAt,
          decided_by: r.decidedBy,
          granted_per_minute: r.grantedPerMinute,
          granted_per_day: r.grantedPerDay,
          note: r.note,
        })
        .where('project_id', '=', r.projectId)
        .where('id', '=', r.id)
        .where('state', '=', 'open');
      push(command(query, { must: true }));
    },
  };
}
