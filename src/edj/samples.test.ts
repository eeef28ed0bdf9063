/** Samples are as the contract documents events, and a preview of a hook has the octets that the hook gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Value from 'typebox/value';
import { EVENT_CONTENTS } from '../contract/event-contents.ts';
import { EVENT_NAMES } from '../contract/events.ts';
import { openEdjRig } from '../testing/edj-rig.ts';
import { startFakeHttp } from '../testing/fake-http.ts';
import { sampleEvent } from './samples.ts';

test('the content of each sample is as documented', async () => {
  await using rig = await openEdjRig();
  for (const name of EVENT_NAMES)
    assert.ok(Value.Check(EVENT_CONTENTS[name], sampleEvent(name, rig.place).content), name);
});

for (const inline of [false, true])
  test(`a hook gets what its preview shows, for every event${inline ? ', with attachments' : ''}`, async () => {
    const got: { body: string; type: string | undefined }[] = [];
    await using server = await startFakeHttp(({ body, headers }) => {
      got.push({ body, type: headers['content-type'] });
      return { status: 204 };
    });
    await using rig = await openEdjRig();
    const subscriber = await rig.subscribe('http', { url: `${server.url}/hook`, inline });
    for (const name of EVENT_NAMES) {
      const { url, headers, body } = await rig.samples.preview(rig.targetOf(subscriber), rig.place, name);
      assert.equal(url, `${server.url}/hook`);
      const event = await rig.publish(name);
      await rig.settled(subscriber, event, 'done');
      assert.equal(got.at(-1)!.body, body.replace(sampleEvent(name, rig.place).id, event.id), name);
      const told = (wanted: string) => headers.find((one) => one.name === wanted)?.value;
      assert.equal(told('content-type'), got.at(-1)!.type);
      assert.match(told('webhook-signature')!, /^v1,/);
      assert.match(JSON.parse(body).summary, /This is a test\. これはテストです。/);
    }
  });

test('a test says what it met: the answer, an error, how long it took; nothing is stored', async () => {
  await using server = await startFakeHttp(({ path }) =>
    path === '/gone' ? { status: 410, body: 'é'.repeat(600) } : { status: 200, body: 'thanks' },
  );
  await using rig = await openEdjRig();
  const { signal } = new AbortController();
  const testOf = async (url: string) => {
    const subscriber = await rig.subscribe('http', { url });
    return rig.samples.test(rig.targetOf(subscriber), rig.place, 'delivered', signal);
  };
  assert.deepEqual(await testOf(`${server.url}/`), {
    ...{ kind: 'answered', via: 'http', status: 200, answer: 'thanks', verdict: { kind: 'done' }, ms: 0 },
  });
  assert.deepEqual(await testOf(`${server.url}/gone`), {
    ...{
      kind: 'answered',
      via: 'http',
      status: 410,
      answer: 'é'.repeat(256),
      verdict: { kind: 'gone' },
      ms: 0,
    },
  });
  const refused = await testOf('http://127.0.0.1:1/');
  assert.deepEqual([refused.kind, refused.kind === 'failed' && refused.code], ['failed', 'connect']);
  assert.deepEqual(server.seen, ['POST /', 'POST /gone']);
});

test('a test that is aborted ends with the reason', async () => {
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('http', { url: 'http://127.0.0.1:1/' });
  const gone = new Error('gone');
  await assert.rejects(
    rig.samples.test(rig.targetOf(subscriber), rig.place, 'publish', AbortSignal.abort(gone)),
    gone,
  );
});
