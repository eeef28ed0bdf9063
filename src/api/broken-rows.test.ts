/** Rows whose settings somebody damaged by hand: they are shown as broken, can be removed, and stop no other row. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { STORE_FILE } from '../store/sqlite/files.ts';
import { openApiRig } from '../testing/api-rig.ts';

const WAYS: Record<string, string> = {
  'no JSON': '{"url":',
  'no object': '"https://hook.example/"',
  'a list': '[1]',
  null: 'null',
  'a setting of another type': '{"url":5,"inline":false}',
  'without what its kind needs': '{}',
  empty: '',
};

test('a subscriber with broken settings is shown as broken, and its list goes on', async () => {
  await using rig = await openApiRig();
  const topic = (await rig.call('POST', '/edj/v1/topics', { name: 'inbox' })).json;
  const path = `/edj/v1/topics/${topic.id}/subscribers`;
  const make = async () =>
    (await rig.call('POST', path, { type: 'http', url: 'https://hook.example/' })).json;
  using db = new DatabaseSync(join(rig.directory, STORE_FILE));
  const good = await make();
  for (const [way, settings] of Object.entries(WAYS)) {
    const { id, self, created_at, failing_since, paused_at } = await make();
    db.prepare('UPDATE subscriber SET settings = ? WHERE id = ?').run(settings, id);
    const broken = { id, self, type: 'http', broken: true, created_at, failing_since, paused_at };
    const { secret: _, ...whole } = good;
    const list = await rig.call('GET', path);
    assert.deepEqual([list.status, list.json.items], [200, [broken, whole]], way);
    const single = await rig.call('GET', `${path}/${id}`);
    assert.deepEqual([single.status, single.json], [200, broken], way);
    const exported = await rig.call('GET', `/iam/v1/projects/${rig.project.id}/export`);
    assert.deepEqual(exported.json.topics[0].subscribers, [broken, whole], way);
    const etag = single.headers.get('etag')!;
    const removed = await rig.call('DELETE', `${path}/${id}`, undefined, { headers: { 'if-match': etag } });
    assert.equal(removed.status, 204, `${way}: ${removed.text}`);
  }
  assert.deepEqual(rig.logged, []);
});

test('a DNS account with broken settings is shown as broken, and is whole again with new ones', async () => {
  await using rig = await openApiRig();
  const path = '/mta/v1/dns_accounts';
  const settings = { access_key_id: 'AKID', secret_access_key: 'secret' };
  const make = async (name: string) =>
    (await rig.call('POST', path, { provider: 'route53', name, settings })).json;
  using db = new DatabaseSync(join(rig.directory, STORE_FILE));
  const good = await make('good');
  const bad = await make('bad');
  for (const [way, text] of Object.entries(WAYS).filter(([name]) => !name.startsWith('without'))) {
    db.prepare('UPDATE dns_account SET settings = ? WHERE id = ?').run(text, bad.id);
    const list = await rig.call('GET', path);
    const broken = { ...bad, settings: {}, broken: true };
    assert.deepEqual([list.status, list.json.items], [200, [broken, good]], way);
    const etag = (await rig.call('GET', `${path}/${bad.id}`)).headers.get('etag')!;
    const mended = await rig.call(
      'PATCH',
      `${path}/${bad.id}`,
      { settings },
      { headers: { 'if-match': etag } },
    );
    assert.deepEqual([mended.status, mended.json], [200, bad], way);
  }
  assert.deepEqual(rig.logged, []);
});
