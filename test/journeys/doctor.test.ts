/** What `hikyaku doctor` says of ports, the public URL, the operator and the secret key. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { namedProgram, startBind } from '../../src/testing/bind.ts';
import { freePort } from '../../src/testing/free-port.ts';
import { environment, hikyaku, startService, temporaryDirectory } from './harness.ts';

async function doctor(env: Record<string, string>): Promise<(check: string) => string> {
  const { stdout } = await hikyaku(['doctor', '--json'], env);
  const findings = JSON.parse(stdout) as { check: string; status: string; detail: string }[];
  return (wanted) => {
    const found = findings.find(({ check }) => check === wanted);
    return `${found?.status} ${found?.detail}`;
  };
}

test('doctor: the ports of a running service are its own; the rest is named', async () => {
  const [http, mx, metrics] = [await freePort(), await freePort(), await freePort()];
  await using service = await startService({
    HIKYAKU_HTTP_LISTEN: `127.0.0.1:${http}`,
    HIKYAKU_MX_LISTEN: `127.0.0.1:${mx}`,
    HIKYAKU_METRICS_LISTEN: `127.0.0.1:${metrics}`,
  });
  const healthy = await doctor(service.env);
  assert.equal(healthy('HTTP port'), `ok the running service listens at 127.0.0.1:${http}`);
  assert.equal(healthy('MX port'), `ok the running service listens at 127.0.0.1:${mx}`);
  assert.equal(healthy('public URL'), `ok http://localhost:${http}`);
  assert.equal(healthy('metrics port'), `ok the running service listens at 127.0.0.1:${metrics}`);
  assert.match(healthy('operator'), /^warning there is none: .*--operator/);
  assert.match(healthy('secret key'), /^ok .*secret\.key is the key of this store$/);

  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const email = ['--email', 'op@example.test', '--operator'];
  const made = await hikyaku(['bootstrap', '--domain', 'ops.test', '--verified', ...email], service.env);
  assert.match(made.stdout, new RegExp(`op@example.test +http://localhost:${http}/#/link/`));
  assert.match(made.stdout, new RegExp(`HTTP API: http://localhost:${http},`));
  const wide = await doctor({ ...service.env, HIKYAKU_MX_LISTEN: `0.0.0.0:${mx}` });
  assert.equal(
    wide('MX port'),
    `ok 0.0.0.0:${mx} is free for the next start: now the running service listens at 127.0.0.1:${mx}`,
  );
  writeFileSync(join(service.directory, 'secret.key'), Buffer.alloc(32, 9));
  const ill = await doctor({
    ...service.env,
    HIKYAKU_MX_LISTEN: `127.0.0.1:${port}`,
    HIKYAKU_SUBMISSION_LISTEN: '0.0.0.0:0',
  });
  assert.match(ill('MX port'), new RegExp(`^warning 127.0.0.1:${port} is in use by another program`));
  assert.match(ill('public URL'), new RegExp(`^warning .*http://localhost:${http}.*set HIKYAKU_PUBLIC_URL$`));
  assert.match(
    ill('operator'),
    /^warning The operator op@example\.test .* has a one-time link and has not used it/,
  );
  assert.match(ill('secret key'), /^failed .*is not the secret key of this store/);
  other.close();
});

const named = namedProgram();
test('doctor asks DNS for the records that the operator publishes: an _spf that was taken away is a failure', {
  skip: named === null ? 'named (BIND 9) is not installed' : false,
}, async () => {
  const names = ['mail IN A 192.0.2.25'];
  const whole = [
    ...names,
    '_spf.mail IN TXT "v=spf1 ip4:192.0.2.25 ip4:0.0.0.0/1 ip4:128.0.0.0/1 ip6:::/0 -all"',
  ];
  for (const [lines, found] of [
    [whole, /^ok .*_spf\.mail\.host\.example/],
    [names, /^failed .*_spf\.mail\.host\.example/],
  ] as const) {
    await using bind = await startBind(named!, { 'host.example': lines }, []);
    const directory = temporaryDirectory();
    const said = await doctor(
      environment(directory, {
        HIKYAKU_HOSTNAME: 'mail.host.example',
        HIKYAKU_DNS_SERVERS: `127.0.0.1:${bind.port}`,
      }),
    );
    assert.match(said('SPF include'), found);
    rmSync(directory, { recursive: true, force: true });
  }
});
