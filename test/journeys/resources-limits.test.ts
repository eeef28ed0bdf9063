/**
 * Limits, usage, requests for higher limits and retention: every field of these resources has a value here, typed
 * by the contract.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { loadConfig } from '../../src/config/config.ts';
import type { Resources } from '../../src/contract/resources/index.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { startService } from '../../src/service.ts';
import { createFakeClock } from '../../src/testing/fake-clock.ts';
import {
  type Bootstrapped,
  bootstrap,
  environment,
  eventually,
  portOf,
  temporaryDirectory,
} from './harness.ts';
import { authorization, type Journey, startJourney } from './journey.ts';
import { anId, aTime, type TypedApi, typedApi } from './typed.ts';

type Window = Resources['ProjectUsage']['project']['per_minute'];
type Point = Resources['ProjectUsage']['series']['days'][number];

describe('the resources of limits', () => {
  let journey: Journey;
  let operator: Bootstrapped;
  let api: TypedApi;
  let ofOperator: TypedApi;
  let base: string;
  before(async () => {
    journey = await startJourney();
    const more = ['--project', 'journey', '--role', 'operator'];
    operator = await bootstrap(journey.service.env, 'sender.test', ...more);
    api = typedApi(journey.call);
    ofOperator = typedApi((method, path, body) => journey.call(method, path, body, operator));
    base = `http://localhost:${portOf(journey.service.ready.http)}`;
  });
  after(() => journey[Symbol.asyncDispose]());

  test('ProjectUsage, DomainUsage', async () => {
    await api.send<'SendTask'>('POST', '/mta/v1/tasks?is_sync=true', {
      procedure: 'send_message',
      arguments: {
        self: journey.who.domain_url,
        from: ['shop@sender.test'],
        to: ['customer@elsewhere.test'],
        subject: 'a letter',
        content_type: 'text/plain',
        body: 'a letter\n',
      },
    });
    const { project, domain, series } = await eventually('the letter is counted as delivered', async () => {
      const usage = await api.get<'DomainUsage'>(`/mta/v1/domains/${journey.who.domain_id}/usage`);
      return usage.series.days.at(-1)?.delivered === 1 && usage;
    });
    const limited = (window: Window, limit: number): Window => ({
      used: 1,
      limit,
      remaining: limit - 1,
      room_at: null,
      resets_at: aTime(window.resets_at),
    });
    const unlimited = (window: Window): Window => ({
      used: 1,
      limit: 0,
      remaining: null,
      room_at: null,
      resets_at: aTime(window.resets_at),
    });
    const point = (points: readonly Point[]): Point => ({
      start: aTime(points.at(-1)?.start),
      accepted: 1,
      delivered: 1,
      deferred: 0,
      bounced: 0,
      expired: 0,
      held: 0,
      received: 0,
    });
    const { minutes, hours, days } = series;
    assert.deepEqual([minutes.length, hours.length, days.length], [60, 48, 92]);
    assert.deepEqual({ project, domain, series }, {
      project: {
        per_minute: limited(project.per_minute, 300),
        per_day: limited(project.per_day, 50_000),
      },
      domain: { per_minute: unlimited(domain.per_minute), per_day: unlimited(domain.per_day) },
      series: {
        minutes,
        hours,
        days: [...days.slice(0, -1), point(days)],
      },
    } satisfies Resources['DomainUsage']);
    const usage = await api.get<'ProjectUsage'>('/mta/v1/usage');
    assert.deepEqual(usage, {
      project: {
        per_minute: limited(usage.project.per_minute, 300),
        per_day: limited(usage.project.per_day, 50_000),
      },
      series: { minutes: usage.series.minutes, hours: usage.series.hours, days },
    } satisfies Resources['ProjectUsage']);
  });

  test('LimitRequest, before and after the decision; Limits', async () => {
    const project = { self: `${base}/iam/v1/projects/${journey.who.project_id}`, name: 'journey' };
    const made = await api.send<'LimitRequest'>('POST', '/mta/v1/limit_requests', {
      per_minute: 600,
      reason: 'the shop grows',
      notify: 'desk@sender.test',
    });
    const path = `/mta/v1/limit_requests/${made.id}`;
    assert.deepEqual(await api.get<'LimitRequest'>(path), {
      id: anId(made.id),
      self: `${base}${path}`,
      project: { self: project.self, name: 'journey' },
      state: 'open',
      per_minute: 600,
      per_day: null,
      reason: 'the shop grows',
      actor: `api_client ${journey.who.api_client_id}`,
      notify: 'desk@sender.test',
      granted: { per_minute: null, per_day: null },
      note: null,
      created_at: aTime(made.created_at),
      decided_at: null,
      decided_by: null,
    } satisfies Resources['LimitRequest']);
    const decision = { per_minute: 450, note: 'for the first month' };
    await ofOperator.send<'LimitRequest'>('POST', `${path}/approve`, decision);
    const decided = await api.get<'LimitRequest'>(path);
    assert.deepEqual(decided, {
      ...made,
      state: 'approved_in_part',
      granted: { per_minute: 450, per_day: null },
      note: 'for the first month',
      decided_at: aTime(decided.decided_at),
      decided_by: `api_client ${operator.api_client_id}`,
    } satisfies Resources['LimitRequest']);
    assert.deepEqual(await api.get<'Limits'>('/mta/v1/limits'), {
      project: { self: project.self },
      per_minute: 450,
      per_day: 50_000,
      is_default: false,
    } satisfies Resources['Limits']);
  });
});

test('Retention, after a round', async () => {
  const directory = temporaryDirectory();
  const env = environment(directory);
  const operator = await bootstrap(env, 'ops.test', '--role', 'operator');
  const clock = createFakeClock(Date.now());
  const stop = new AbortController();
  await using service = await startService(loadConfig(env), silentLogger, stop.signal, { clock });
  const api = typedApi(async (method, path) => {
    const headers = { authorization: authorization(operator) };
    const response = await fetch(`http://${service.http}${path}`, { method, headers });
    return { status: response.status, json: await response.json() };
  });
  const retention = await eventually('the first round has ended', async () => {
    await clock.advance(60_000);
    const found = await api.get<'Retention'>('/mta/v1/retention');
    return typeof found.round?.ended_at === 'string' && found;
  });
  assert.deepEqual(retention, {
    due_messages: 0,
    behind_since: null,
    late: false,
    round: {
      started_at: aTime(retention.round?.started_at),
      ended_at: aTime(retention.round?.ended_at),
      failed: false,
      removed: {
        messages: 0,
        recipients: 0,
        attempts: 0,
        events: 0,
        deliveries: 0,
        tasks: 0,
        operations: 0,
        records: 0,
        usage: 0,
        audit: 0,
        projects: 0,
      },
    },
  } satisfies Resources['Retention']);
  const own = await eventually('the first look at the own records', async () => {
    await clock.advance(10_000);
    const found = await api.get<'InstanceDns'>('/mta/v1/instance/dns');
    return found.checked_at !== null && found;
  });
  const name = 'mail.sender.test';
  const records = own.records.filter(({ check }) => check === 'certificate');
  assert.deepEqual({ ...own, records }, {
    checked_at: aTime(own.checked_at),
    unchecked: null,
    records: [
      {
        check: 'certificate',
        name,
        state: 'missing',
        found: [],
        message: `The certificate is self-signed, so programs do not trust ${name}. Set HIKYAKU_TLS_CERT and HIKYAKU_TLS_KEY.`,
        message_ja: `証明書が自己署名のため、プログラムは ${name} を信頼しません。HIKYAKU_TLS_CERT と HIKYAKU_TLS_KEY を設定してください。`,
      },
    ],
  } satisfies Resources['InstanceDns']);
  // No DNS server answers here, which is no absence.
  const others = own.records.filter(({ check }) => check !== 'certificate');
  assert.deepEqual([...new Set(others.map(({ state }) => state))], ['unknown']);
  rmSync(directory, { recursive: true, force: true });
});

test('the own records of an instance whose host name cannot be in DNS: none, and why', async () => {
  const directory = temporaryDirectory();
  const env = { ...environment(directory), HIKYAKU_HOSTNAME: 'localhost' };
  const operator = await bootstrap(env, 'ops.test', '--role', 'operator');
  const stop = new AbortController();
  await using service = await startService(loadConfig(env), silentLogger, stop.signal);
  const response = await fetch(`http://${service.http}/mta/v1/instance/dns`, {
    headers: { authorization: authorization(operator) },
  });
  assert.deepEqual(await response.json(), {
    checked_at: null,
    unchecked: {
      code: 'host_name_not_public',
      message:
        'localhost cannot be in public DNS, so the records of the service itself are not checked. Set HIKYAKU_HOSTNAME to a public name, such as mail.example.com.',
      message_ja:
        'localhost は公開 DNS に登録できない名前のため、このサービス自身のレコードを確認していません。HIKYAKU_HOSTNAME に mail.example.com のような公開の名前を設定してください。',
    },
    records: [],
  } satisfies Resources['InstanceDns']);
  rmSync(directory, { recursive: true, force: true });
});
