/** The processes a benchmark is made of: load, sink, and a private Postfix; each ended by its own handle. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../src/testing/free-port.ts';
import type { Load } from './generator.ts';

/** Milliseconds from the start of the load to its end; throws where anything was refused. */
export async function runLoad(load: Load, smtpSource: boolean): Promise<void> {
  const plain =
    load.kind === 'smtp' && load.tls === 'none' && load.user === null && load.message === undefined;
  const child =
    plain && smtpSource
      ? spawn('smtp-source', [
          ...['-s', String(load.sessions), '-m', String(load.count), '-l', String(load.size)],
          ...['-f', load.sender, '-t', load.recipient, '-M', 'bench.test'],
          ...(load.persistent ? ['-d'] : []),
          `${load.host}:${load.port}`,
        ])
      : spawn(process.execPath, [
          '--disable-warning=ExperimentalWarning',
          fileURLToPath(new URL('./generator.ts', import.meta.url)),
          JSON.stringify(load),
        ]);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, 2000);
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0 || said.includes('fatal:') || said.includes('bad '))
    throw new Error(`the load failed: ${said}`);
}

export interface CountingSink extends AsyncDisposable {
  readonly port: number;
  readonly count: number;
  /** Resolves when `total` messages have come since the start. */
  reached(total: number): Promise<void>;
}

/** smtp-sink with its running counter; it lives as long as the case. */
export async function startCountingSink(): Promise<CountingSink> {
  const port = await freePort();
  const child = spawn('smtp-sink', ['-u', 'nobody', '-c', `127.0.0.1:${port}`, '1000'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let count = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let arrived = () => {};
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    const at = text.lastIndexOf('mesg=');
    if (at === -1) return;
    const seen = /^mesg=(\d+)[^\d]/.exec(text.slice(at));
    const earlier = seen ?? /mesg=(\d+)[^\d](?!.*mesg=\d+[^\d])/s.exec(text);
    if (earlier !== null) count = Math.max(count, Number(earlier[1]));
    if (count >= wanted) arrived();
  });
  await listening(port, child);
  return {
    port,
    get count() {
      return count;
    },
    reached(total) {
      return new Promise((resolve) => {
        wanted = total;
        arrived = resolve;
        if (count >= wanted) resolve();
      });
    },
    async [Symbol.asyncDispose]() {
      await end(child);
    },
  };
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
async function listening(port: number, child: ChildProcess | null): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child !== null && child.exitCode !== null) throw new Error(`ended early with ${child.exitCode}`);
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (up) return;
    await delay(50);
  }
  throw new Error(`nothing listens on port ${port}`);
}

export interface Postfix extends AsyncDisposable {
  readonly smtp: number;
  /** TLS with SASL PLAIN, or null where the programs for it are absent. */
  readonly submissions: number | null;
  readonly user: string;
  readonly secret: string;
  /** User and system CPU of everything under its master, seconds. */
}

/**
 * A Postfix of its own in a temporary directory, tuned fairly and the same in every run: no in_flow_delay, 50
 * deliveries to the sink, cached connections, no logging to anywhere.
 */
export async function startPostfix(options: {
  sinkPort: number;
  discard: boolean;
  certificate: { cert: string; key: string };
}): Promise<Postfix> {
  const root = mkdtempSync(join(tmpdir(), 'hikyaku-postfix-'));
  chmodSync(root, 0o755);
  const config = join(root, 'config');
  const queue = join(root, 'queue');
  const data = join(root, 'data');
  for (const directory of [config, queue, data]) mkdirSync(directory);
  const owner = (name: string) => execFileSync('id', ['-u', name], { encoding: 'utf8' }).trim();
  const group = execFileSync('id', ['-g', 'postfix'], { encoding: 'utf8' }).trim();
  chownSync(data, Number(owner('postfix')), Number(group));
  const smtp = await freePort();
  const submissions = await freePort();
  const user = 'bench@sender.test';
  const secret = 'bench-secret';
  const sasl = hasProgram('saslpasswd2');
  if (sasl) {
    mkdirSync(join(config, 'sasl'));
    const database = join(config, 'sasl', 'sasldb2');
    writeFileSync(
      join(config, 'sasl', 'smtpd.conf'),
      `pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\nsasldb_path: ${database}\n`,
    );
    execFileSync('saslpasswd2', ['-p', '-c', '-f', database, '-u', 'sender.test', 'bench'], {
      input: secret,
    });
    chmodSync(database, 0o644);
  }
  writeFileSync(
    join(config, 'main.cf'),
    `
compatibility_level = 3.6
myhostname = peer.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
queue_directory = ${queue}
data_directory = ${data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
default_database_type = hash
alias_maps =
alias_database =
local_recipient_maps =
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_client_connection_count_limit = 0
smtpd_peername_lookup = no
smtp_host_lookup = native
disable_dns_lookups = yes
default_process_limit = 200
in_flow_delay = 0
qmgr_message_active_limit = 20000
default_destination_concurrency_limit = 50
initial_destination_concurrency = 50
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = 127.0.0.1
smtp_connection_cache_time_limit = 30s
smtp_tls_security_level = none
default_transport = ${options.discard ? 'discard:' : 'smtp'}
relayhost = ${options.discard ? '' : `[127.0.0.1]:${options.sinkPort}`}
relay_transport = $default_transport
smtpd_tls_cert_file = ${options.certificate.cert}
smtpd_tls_key_file = ${options.certificate.key}
cyrus_sasl_config_path = ${join(config, 'sasl')}
syslog_name = hikyaku-bench
maillog_file =
`,
  );
  writeFileSync(
    join(config, 'master.cf'),
    `
127.0.0.1:${smtp} inet n - n - 200 smtpd
127.0.0.1:${submissions} inet n - n - 200 smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=${sasl ? 'yes' : 'no'}
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - 60 smtp
relay unix - - n - 60 smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
`,
  );
  execFileSync('postfix', ['-c', config, 'start'], { stdio: ['ignore', 'ignore', 'pipe'] });
  await listening(smtp, null);
  return {
    smtp,
    submissions: sasl ? submissions : null,
    user,
    secret,
    async [Symbol.asyncDispose]() {
      execFileSync('postfix', ['-c', config, 'stop'], { stdio: ['ignore', 'ignore', 'pipe'] });
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
/** User and system CPU seconds of a process so far. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
