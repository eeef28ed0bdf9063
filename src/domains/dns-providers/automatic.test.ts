/** Plan, apply and undo with a provider and a store of maps: what the service knows, and when, if an answer is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId } from '../../runtime/ids.ts';
import { createRandom } from '../../runtime/random.ts';
import { StaleError } from '../../runtime/transactor.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import type { MtaDomain } from '../mta-domains.ts';
import { createAutomaticDns, PLAN_LIFE_MS } from './automatic.ts';
import type { WantedRecord } from './plan.ts';
import {
  type DnsAccount,
  type DnsAccountTx,
  type DnsChange,
  type DnsProvider,
  DnsProviderError,
  type RecordSet,
  type SetChange,
  type StoredPlan,
} from './provider.ts';
import { txtOf } from './record-values.ts';

const PROJECT = 'p' as ProjectId;
const random = createRandom();
const DOMAIN = { id: random.id<'mta-domain'>(), projectId: PROJECT, name: 'example.com' } as MtaDomain;
const ACCOUNT: DnsAccount = {
  id: random.id<'dns-account'>(),
  projectId: PROJECT,
  provider: 'gehirn',
  name: 'dns',
  settings: {},
  sealedSettings: Buffer.alloc(0),
  createdAt: 0,
};
const RECORDS: WantedRecord[] = [
  { purpose: 'spf', type: 'TXT', name: 'example.com', value: 'v=spf1 include:x -all' },
  { purpose: 'dmarc', type: 'TXT', name: '_dmarc.example.com', value: 'v=DMARC1; p=none' },
  { purpose: 'dkim', type: 'TXT', name: 's._domainkey.elsewhere.example.com', value: 'v=DKIM1; p=QUJD' },
];

function setUp() {
  const clock = createFakeClock();
  const zone = new Map<string, RecordSet>();
  const plans = new Map<string, StoredPlan>();
  const changes = new Map<string, DnsChange>();
  const accounts = new Map([[ACCOUNT.id, ACCOUNT]]);
  const control = {
    /** Called with how many changes are done, before the next one. */
    step: (_done: number): void => {},
    read: (): void => {},
    told: [] as string[],
    closed: 0,
  };
  const write = ({ name, type, after, ttl }: SetChange) => {
    if (after.length === 0) zone.delete(`${name} ${type}`);
    else zone.set(`${name} ${type}`, { name, type, ttl: ttl.after!, values: after });
  };
  const provider: DnsProvider = {
    async check() {},
    async findZone(name) {
      if (name.includes('elsewhere')) return { id: 'z2', name: 'elsewhere.example.com' };
      return name.endsWith('example.com') ? { id: 'z', name: 'example.com' } : null;
    },
    async read(_zone, keys) {
      control.read();
      return keys.flatMap(({ name, type }) => zone.get(`${name} ${type}`) ?? []);
    },
    async apply(_zone, list) {
      control.told.push(...[...changes.values()].map(({ kind, state }) => `${kind} ${state}`));
      list.forEach((change, i) => {
        control.step(i);
        write(change);
      });
      control.step(list.length);
      return { kind: 'applied', revert: null, propagated: true };
    },
    close() {
      control.closed += 1;
    },
  };
  const automatic = createAutomaticDns({
    read: { dnsAccount: async (_project, id) => accounts.get(id) ?? null },
    transactor: {
      async transact(_project, record) {
        record({
          insertDnsPlan: (plan: StoredPlan) => void plans.set(plan.id, plan),
          pruneDnsPlans() {},
          useDnsPlan(_p: unknown, _d: unknown, id: string) {
            if (!plans.delete(id)) throw new StaleError('used');
          },
          insertDnsChange: (change: DnsChange) => void changes.set(change.id, change),
          updateDnsChange: (change: DnsChange) => void changes.set(change.id, change),
        } as unknown as DnsAccountTx);
      },
    },
    open: async () => provider,
    clock,
    random,
    recordsOf: async () => RECORDS,
  });
  async function planned(): Promise<StoredPlan> {
    const result = await automatic.plan(DOMAIN, ACCOUNT);
    assert.equal(result.kind, 'planned');
    return result.kind === 'planned' ? result.plan : assert.fail();
  }
  async function applied(): Promise<DnsChange> {
    const result = await automatic.apply(ACCOUNT, await planned(), null, 'me');
    return result.kind === 'ended' ? result.change : assert.fail(JSON.stringify(result));
  }
  return { automatic, clock, zone, changes, accounts, control, planned, applied };
}
const lost = () => {
  throw new DnsProviderError('unreachable', 'no answer in time');
};

test('the change stands in the history before the provider is told; each provider is closed', async () => {
  const { applied, control } = setUp();
  const change = await applied();
  assert.deepEqual(control.told, ['apply applying']);
  assert.deepEqual([change.state, change.actor, change.done?.length], ['applied', 'me', 2]);
  assert.equal(control.closed, 2);
});

test('a name that lies in another zone is told and not set', async () => {
  const { planned } = setUp();
  const { plan } = await planned();
  assert.deepEqual(
    plan.changes.map(({ purpose }) => purpose),
    ['spf', 'dmarc'],
  );
  assert.deepEqual(
    plan.conflicts.map(({ name }) => name),
    ['s._domainkey.elsewhere.example.com'],
  );
});

test('a lost answer: what was done is learnt by reading', async () => {
  const whole = setUp();
  whole.control.step = (done) => (done === 2 ? lost() : undefined);
  assert.deepEqual([(await whole.applied()).state], ['applied']);
  const half = setUp();
  half.control.step = (done) => (done === 1 ? lost() : undefined);
  const change = await half.applied();
  assert.deepEqual(
    [change.state, change.done, change.cause],
    ['partial', [{ name: 'example.com', type: 'TXT' }], 'no answer in time'],
  );
  half.control.step = () => {};
  const undone = await half.automatic.undo(change, 'you');
  assert.deepEqual(
    undone.kind === 'ended' && [
      undone.change.state,
      undone.change.done,
      undone.change.undoes,
      undone.change.actor,
    ],
    ['applied', [{ name: 'example.com', type: 'TXT' }], change.id, 'you'],
  );
  assert.equal(half.zone.size, 0);
  const none = setUp();
  none.control.step = lost;
  assert.equal((await none.applied()).state, 'failed');
});

test('where it cannot even be read, the outcome is unknown, and undo finds out', async () => {
  const { applied, automatic, control, zone } = setUp();
  control.step = (done) => {
    if (done !== 1) return;
    control.read = lost;
    lost();
  };
  const change = await applied();
  assert.deepEqual([change.state, change.done], ['unknown', null]);
  const silent = await automatic.undo(change, 'me');
  assert.equal(silent.kind === 'ended' && silent.change.state, 'failed');
  control.read = () => {};
  control.step = () => {};
  assert.equal(zone.size, 1);
  const undone = await automatic.undo(change, 'me');
  assert.equal(undone.kind === 'ended' && undone.change.state, 'applied');
  assert.equal(zone.size, 0);
});

test('a change whose end was never learnt can be undone, once nobody can be at work on it any more', async () => {
  const { applied, automatic, clock, zone } = setUp();
  const { completedAt: _end, ...rest } = await applied();
  const begun: DnsChange = { ...rest, state: 'applying', done: null, completedAt: null };
  assert.deepEqual(await automatic.undo(begun, 'me'), { kind: 'running' });
  await clock.advance(10 * 60_000);
  const undone = await automatic.undo(begun, 'me');
  assert.equal(undone.kind === 'ended' && undone.change.state, 'applied');
  assert.equal(zone.size, 0);
});

test('a plan is used once, within the hour, and only what it showed is set', async () => {
  const { automatic, clock, planned, zone } = setUp();
  const plan = await planned();
  await clock.advance(PLAN_LIFE_MS + 1);
  assert.deepEqual(await automatic.apply(ACCOUNT, plan, null, 'me'), { kind: 'expired' });
  const fresh = await planned();
  assert.equal((await automatic.apply(ACCOUNT, fresh, null, 'me')).kind, 'ended');
  await assert.rejects(automatic.apply(ACCOUNT, fresh, null, 'me'), StaleError);
  assert.equal(zone.size, 2);
});

test('an undo can be undone; one whose account is gone cannot', async () => {
  const { applied, automatic, accounts, zone } = setUp();
  zone.set('example.com TXT', { name: 'example.com', type: 'TXT', ttl: 77, values: [txtOf('theirs')] });
  const change = await applied();
  const after = new Map(zone);
  const undone = await automatic.undo(change, 'me');
  assert.deepEqual(
    [...zone.values()].map(({ ttl, values }) => [ttl, values]),
    [[77, ['"theirs"']]],
  );
  const redone = await automatic.undo(undone.kind === 'ended' ? undone.change : assert.fail(), 'me');
  assert.equal(redone.kind === 'ended' && redone.change.state, 'applied');
  assert.deepEqual([...zone].sort(), [...after].sort());
  accounts.clear();
  assert.deepEqual(await automatic.undo(change, 'me'), { kind: 'account-gone' });
});
