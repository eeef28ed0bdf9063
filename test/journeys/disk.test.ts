/**
 * A disk that fails or is full while the service runs (strace makes system calls fail): nothing that was
 * acknowledged is lost.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { eventually, has, startService } from './harness.ts';
import { type Journey, startJourney } from './journey.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

const SKIP = (await has('strace')) ? false : 'strace is absent';

async function submit({ service, who }: Pick<Journey, 'service' | 'who'>, to: string): Promise<string> {
  await using client = await openSmtp(service.ready.submissions, 'implicit');
  await client.command(plain(who.key.id, who.key.secret));
  const message = Buffer.from(`From: <a@sender.test>\r\nSubject: ${to}\r\n\r\nbody\r\n`);
  return await send(client, 'a@sender.test', [to], message);
}
/** Makes these calls of the process fail until it is disposed. */
async function failing(pid: number, calls: string, error: string): Promise<AsyncDisposable> {
  const strace = spawn(
    'strace',
    ['-f', '-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}`, '-p', String(pid)],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  strace.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, 10_000);
  });
  await eventually('strace is attached', async () => said.includes('attached'));
  return {
    async [Symbol.asyncDispose]() {
      strace.kill('SIGINT');
      await once(strace, 'exit');
    },
  };
}
const subjects = async ({ sink }: Journey) =>
  (await sink.messages())
    .map(({ raw_base64 }) => /Subject: (\S+)/.exec(Buffer.from(raw_base64, 'base64').toString())![1]!)
    .sort();

test('EIO: mail is refused for now, the service says so, and a restart finds what was acknowledged', {
  skip: SKIP,
}, async () => {
  await using j = await startJourney();
  assert.match(await submit(j, 'before@out.test'), /^250/);
  await eventually('delivered', async () => (await j.sink.messages()).length === 1);
  {
    await using _failing = await failing(j.service.child.pid!, 'fdatasync,fsync', 'EIO');
    assert.match(await submit(j, 'during@out.test'), /^451/);
  }
  // Permanently: after a failed sync, the store cannot know what is on the disk.
  assert.match(await submit(j, 'after@out.test'), /^451/);
  const ready = await fetch(`http://${j.service.ready.http}/readyz`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /accepts no writes/);
  await j.service.kill();
  await using again = await startService(
    { HIKYAKU_ROUTES: j.service.env['HIKYAKU_ROUTES']!, HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true' },
    j.service.directory,
    true,
  );
  assert.match(await submit({ service: again, who: j.who }, 'restarted@out.test'), /^250/);
  await eventually('delivered', async () => (await subjects(j)).includes('restarted@out.test'));
  // What was being written when the sync failed may be on the disk or not: it was not acknowledged, and may
  // arrive.
  const all = (await subjects(j)).filter((subject) => subject !== 'during@out.test');
  assert.deepEqual(all, ['before@out.test', 'restarted@out.test']);
});

test('ENOSPC: refused with 452 while the disk is full, taken again as soon as it is not; what failed uses up no limit', {
  skip: SKIP,
}, async () => {
  await using j = await startJourney({ HIKYAKU_LIMIT_PER_MINUTE: '10' });
  assert.match(await submit(j, 'before@out.test'), /^250/);
  await eventually('delivered', async () => (await j.sink.messages()).length === 1);
  {
    await using _failing = await failing(j.service.child.pid!, 'pwrite64', 'ENOSPC');
    for (let i = 0; i < 10; i += 1) assert.match(await submit(j, 'during@out.test'), /^452 4\.3\.1/);
    const ready = await fetch(`http://${j.service.ready.http}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /the store refused a write/);
    const posted = await j.call('POST', '/mta/v1/tasks?is_sync=true', {
      procedure: 'send_message',
      arguments: {
        self: j.who.domain_url,
        to: ['posted@out.test'],
        from: ['a@sender.test'],
        subject: 's',
        content_type: 'text/plain',
        body: 'b',
      },
    });
    assert.equal(posted.status, 507);
    assert.equal(posted.headers.get('retry-after'), '60');
    // A stranger's attempt is counted before it is judged, which is impossible without the disk.
    await using stranger = await openSmtp(j.service.ready.submissions, 'implicit');
    assert.match(
      await stranger.command(plain('019f0000-0000-7000-8000-000000000000', 'wrong')),
      /^454 4\.7\.0 .*insufficient system storage/,
    );
  }
  assert.match(await submit(j, 'after@out.test'), /^250/);
  assert.equal((await fetch(`http://${j.service.ready.http}/readyz`)).status, 200);
  await eventually('delivered', async () => (await subjects(j)).length === 2);
  assert.deepEqual(await subjects(j), ['after@out.test', 'before@out.test']);
});
