/** A key that strangers may have: it ends at once, its record says so, and a successor signs once it is seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Domain } from '../mail/domain.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { delegationTarget } from './delegation.ts';
import { isRevoked, makeDkimKeys, openDkimKeys } from './dkim-keys.ts';
import { createDkimZone } from './dkim-zone.ts';
import { prepareReplacement } from './key-replacement.ts';
import { keyWords } from './key-steps.ts';
import type { DkimKey, MtaDomain } from './mta-domains.ts';
import { stepKeys } from './rotation.ts';

const NAME = 'example.test' as Domain;
const PLACE = { projectId: 'p' as ProjectId, domainId: 'd' as DomainId };
const DOMAIN = { id: PLACE.domainId, projectId: PLACE.projectId, name: NAME } as MtaDomain;
const ZONE = 'dkim.host.test';

async function setUp(dkimZone: string | null) {
  const clock = createFakeClock();
  const deps = { clock, random: createRandom(), sealer: createSealer(Buffer.alloc(32, 7)), dkimZone };
  const keys: readonly DkimKey[] = await makeDkimKeys(deps, PLACE, dkimZone !== null);
  const replace = async (before: readonly DkimKey[], old: DkimKey, most = 100) => {
    const { steps, successor } = await prepareReplacement(deps, DOMAIN, before, old, most);
    const moved = before.map((key) => steps.moves.find((move) => move.key.id === key.id)?.key ?? key);
    const gone = new Set(steps.gone.map(({ id }) => id));
    return { after: [...moved.filter(({ id }) => !gone.has(id)), ...steps.fresh], steps, successor };
  };
  return { clock, deps, keys, replace };
}

test('nobody looks for the records of a domain that counts as seen: its successor signs at once', async () => {
  const { deps, keys } = await setUp(null);
  for (const [domain, state] of [
    [{ ...DOMAIN, mxSeen: true, dns: null }, 'active'],
    [{ ...DOMAIN, mxSeen: false, dns: null }, 'pending'],
  ] as const) {
    const { steps, successor } = await prepareReplacement(deps, domain, keys, keys[0]!, 100);
    assert.equal(successor.state, state);
    assert.equal(steps.events.length, state === 'active' ? 1 : 2);
  }
});

for (const zone of [ZONE, null])
  test(`${zone === null ? 'TXT' : 'delegated'}: the key never signs again, and the successor signs as soon as it is seen`, async () => {
    const { deps, keys, replace, clock } = await setUp(zone);
    const [rsa, ed] = keys as readonly [DkimKey, DkimKey];
    const { after, steps, successor } = await replace(keys, rsa);
    const old = after.find(({ id }) => id === rsa.id)!;
    assert.deepEqual(
      [old.state, isRevoked(old), old.sealedPrivateKey.length, old.publicRecord],
      ['retired', true, 0, 'v=DKIM1; k=rsa; p='],
    );
    assert.deepEqual(
      openDkimKeys(after, deps.sealer).map(({ selector }) => selector),
      [ed.selector],
    );
    assert.deepEqual(
      [successor.state, successor.algorithm, successor.selector === rsa.selector],
      ['pending', 'rsa-sha256', false],
    );
    assert.equal(delegationTarget(successor, NAME, zone) !== null, zone !== null);
    assert.deepEqual(
      steps.events.map(({ stage }) => stage),
      ['retired', 'pending'],
    );
    const seen = new Map([[successor.id as string, { kind: 'seen', ttl: 300 } as const]]);
    assert.deepEqual(
      stepKeys(after, new Map([[successor.id as string, { kind: 'absent' } as const]]), clock.now()),
      [],
    );
    assert.deepEqual(
      stepKeys(after, seen, clock.now()).map(({ key }) => [key.id, key.state]),
      [[successor.id, 'active']],
      'not after five days: nothing else signs with its algorithm',
    );
    const { message, message_ja } = keyWords(DOMAIN, old, after, zone);
    assert.match(message, /revoked.*seven days/s);
    assert.match(message_ja, /失効/);
    assert.match(
      message,
      zone === null ? /Set the TXT record .* to v=DKIM1; k=rsa; p= now/ : /service publishes/,
    );
  });

for (const zone of [ZONE, null])
  test(`${zone === null ? 'TXT' : 'delegated'}: a pending key says that it waits only while another key of its algorithm signs`, async () => {
    const { keys, replace } = await setUp(zone);
    const { after, successor, steps } = await replace(keys, keys[0]!);
    const at = { ...DOMAIN, dns: null };
    const alone = keyWords(at, successor, after, zone);
    assert.match(
      alone.message,
      /No other key of its algorithm signs, so the key begins to sign by itself as soon as/,
    );
    assert.match(alone.message_ja, /すぐに、この鍵での署名が自動で始まります/);
    assert.doesNotMatch(alone.message + alone.message_ja, /five days|5 日/);
    const told = steps.events.find(({ stage }) => stage === 'pending')!;
    assert.deepEqual([told.message, told.message_ja], [alone.message, alone.message_ja]);
    const seen = keyWords(at, { ...successor, seenSince: 1 }, after, zone);
    assert.doesNotMatch(seen.message + seen.message_ja, /five days|5 日/);
    const beside = keyWords(at, successor, [...after, { ...keys[0]!, id: successor.id }], zone);
    assert.match(beside.message, /five days after it is first seen/);
    assert.match(beside.message_ja, /5 日後/);
  });

test('an active key says that the last check missed its record', async () => {
  const { keys } = await setUp(null);
  const [key] = keys as readonly [DkimKey, DkimKey];
  const name = `${key.selector}._domainkey.${NAME}`;
  const said = (state: 'ok' | 'missing' | 'wrong' | 'unknown') => {
    const record = {
      purpose: 'dkim',
      type: 'TXT',
      name,
      value: null,
      state,
      found: [],
      finding: null,
    } as const;
    return keyWords({ ...DOMAIN, dns: { records: [record] } as never }, key, keys, null);
  };
  for (const state of ['missing', 'wrong'] as const) {
    assert.match(said(state).message, /signs mail with .*, but the last check did not find its key in DNS/);
    assert.match(said(state).message_ja, /見つかりませんでした/);
    assert.doesNotMatch(said(state).message, /Keep the record/);
  }
  for (const state of ['ok', 'unknown'] as const) assert.match(said(state).message, /Keep the record/);
});

test('the zone publishes the revoked record in place of the key, and of a retired key nothing', async () => {
  const { keys, replace } = await setUp(ZONE);
  const [rsa, ed] = keys as readonly [DkimKey, DkimKey];
  let { after } = await replace(keys, rsa);
  after = after.map((key) => (key.id === ed.id ? { ...key, state: 'retired' } : key));
  const zone = createDkimZone(ZONE, [], {
    findDomain: async () => DOMAIN,
    dkimKeys: async () => after,
  });
  assert.deepEqual(await zone.txt(`${rsa.selector}.${NAME}`), ['v=DKIM1; k=rsa; p=']);
  assert.deepEqual(await zone.txt(`${ed.selector}.${NAME}`), []);
});

test('a successor that waits already takes over; a key that is revoked stays so; names are used once', async () => {
  const { keys, replace } = await setUp(ZONE);
  const [rsa] = keys as readonly [DkimKey, DkimKey];
  const first = await replace(keys, rsa);
  // The successor leaks, too: the name of the first key is free again.
  const second = await replace(first.after, first.successor);
  assert.equal(second.successor.selector, rsa.selector);
  assert.deepEqual(
    second.steps.gone.map(({ id }) => id),
    [rsa.id],
  );
  assert.equal(new Set(second.after.map(({ selector }) => selector)).size, second.after.length);
  const again = await replace(second.after, second.after.find(({ id }) => id === first.successor.id)!);
  assert.deepEqual([again.steps.moves, again.steps.fresh, again.successor.id], [[], [], second.successor.id]);
  // Of a key that waits beside an active one, the active one remains.
  const active = { ...second.successor, state: 'active' as const };
  const waiting = { ...first.successor, state: 'pending' as const };
  const third = await replace([active, waiting], waiting);
  assert.deepEqual([third.successor.id, third.steps.fresh], [active.id, []]);
});

test('a domain that is full of retired keys can still revoke one: the oldest retired key makes room', async () => {
  const { keys, replace } = await setUp(null);
  const [rsa, ed] = keys as readonly [DkimKey, DkimKey];
  const retired = [3, 1, 2].map(
    (age) => ({ ...ed, id: `r${age}`, selector: `r${age}`, state: 'retired', changedAt: age }) as DkimKey,
  );
  const { after, steps } = await replace([...keys, ...retired], rsa, 5);
  assert.deepEqual(
    steps.gone.map(({ id }) => id as string),
    ['r1'],
  );
  assert.equal(after.length, 5);
});
