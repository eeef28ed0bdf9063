/** Whose mail a change of the queue concerns: the caller's own project, or, for operators who say so, that of all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QueueRequest } from '../delivery/operate.ts';
import { openApiRig } from '../testing/api-rig.ts';

const QUEUES = '/mta/v1/queues';

test('all is the own project; instance=true is all projects, for operators only, and never without an object', async () => {
  const asked: QueueRequest[] = [];
  await using rig = await openApiRig({
    async operate(request) {
      asked.push(request);
      return { matched: 2, changed: 2, inFlight: 0, suspension: null, projects: null, silentNodes: 0 };
    },
  });
  const operator = await rig.caller('operator', ['operator']);
  const cancel = { action: 'cancel', all: true };
  const own = await rig.call('POST', QUEUES, cancel);
  assert.deepEqual([own.status, own.json.changed], [200, 2]);
  const refused = await rig.call('POST', `${QUEUES}?instance=true`, cancel);
  assert.deepEqual([refused.status, refused.json.type], [403, '/problems/operation-not-permitted']);
  assert.match(refused.json.detail, /mta\.queues\.update_all/);
  const everywhere = await rig.call('POST', `${QUEUES}?instance=true`, cancel, { as: operator });
  assert.equal(everywhere.status, 200);
  assert.deepEqual(
    asked.map(({ filter, actor }) => [filter, actor]),
    [
      [{ project: rig.project.id }, `api_client ${rig.owner.client.id}`],
      [{ project: null }, `api_client ${operator.client.id}`],
    ],
  );
});

test('a destructive word without its object is 400 and asks for nothing, in a project and for the instance', async () => {
  await using rig = await openApiRig({ operate: async () => assert.fail('nothing is to be changed') });
  const operator = await rig.caller('operator', ['operator']);
  for (const path of [QUEUES, `${QUEUES}?instance=true`])
    for (const action of ['cancel', 'bounce', 'suspend'])
      for (const more of [
        {},
        { filter: {} },
        { all: false },
        { dry_run: true },
        { filter: { domain: '' } },
      ]) {
        const as = path === QUEUES ? rig.owner : operator;
        const { status, json } = await rig.call('POST', path, { action, ...more }, { as });
        assert.deepEqual(
          [status, json.type],
          [400, '/problems/validation'],
          JSON.stringify({ action, ...more }),
        );
        assert.match(json.field, /^filter/);
      }
});
