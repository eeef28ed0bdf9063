/**
 * A real BIND 9 on loopback for tests: one primary with given zones and TSIG keys, its files in a temporary directory,
 * ended by its own handle. Zones are read by transfer, past the code under test.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import dnsPacket from 'dns-packet';
import { freePort } from './free-port.ts';

const NAMED = ['named', '/usr/sbin/named', '/usr/local/sbin/named'];
/** The program, or null where it is not installed. */
export function namedProgram(): string | null {
  return NAMED.find((program) => spawnSync(program, ['-v'], { stdio: 'ignore' }).status === 0) ?? null;
}
export interface BindKey {
  readonly name: string;
  readonly algorithm: string;
  /** base64 */
  readonly secret: string;
}
export interface Bind extends AsyncDisposable {
  readonly port: number;
  /** All records but SOA and NS, as one line each, sorted. */
  transfer(zone: string): Promise<string[]>;
}

/**
 * `zones`: the lines of each beside SOA and NS. `keys` may update; `strangers` are known, and may not. `others`: port of
 * who is asked, on loopback, for every other name; without it nobody is.
 */
export async function startBind(
  program: string,
  zones: Readonly<Record<string, readonly string[]>>,
  keys: readonly BindKey[],
  strangers: readonly BindKey[] = [],
  others: number | null = null,
  negativeTtl = 60,
): Promise<Bind> {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-bind-'));
  const port = await freePort();
  const file = (zone: string) => join(directory, `${zone}.zone`);
  for (const [zone, lines] of Object.entries(zones)) {
    const head = [
      `$TTL ${Math.max(300, negativeTtl)}`,
      `@ IN SOA ns.${zone}. hostmaster.${zone}. 1 3600 600 86400 ${negativeTtl}`,
      `@ IN NS ns.${zone}.`,
      'ns IN A 127.0.0.1',
    ];
    writeFileSync(file(zone), `${[`$ORIGIN ${zone}.`, ...head, ...lines].join('\n')}\n`);
  }
  const config = [
    `options { directory "${directory}"; pid-file none; lock-file none; session-keyfile none; managed-keys-directory "${directory}";`,
    `  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; dnssec-validation no;`,
    others === null
      ? '  recursion no;'
      : `  recursion yes; allow-recursion { 127.0.0.1; }; forward only; forwarders { 127.0.0.1 port ${others}; };`,
    '  notify no; querylog no; allow-transfer { 127.0.0.1; }; };',
    'controls { };',
    ...[...keys, ...strangers].map(
      ({ name, algorithm, secret }) => `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };`,
    ),
    ...Object.keys(zones).map(
      (zone) =>
        `zone "${zone}" { type primary; file "${file(zone)}"; allow-update { ${keys.map(({ name }) => `key "${name}"; `).join('')}}; };`,
    ),
  ];
  writeFileSync(join(directory, 'named.conf'), `${config.join('\n')}\n`);
  const child = spawn(program, ['-g', '-c', join(directory, 'named.conf'), '-n', '1'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line);
      if (/: running$|\brunning$/.test(line)) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`named ended with ${code}:\n${said.join('\n')}`)));
  });
  child.removeAllListeners('exit');
  const ended = once(child, 'exit');
  return {
    port,
    transfer: (zone) => transfer(port, zone),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** AXFR (RFC 5936): records until the second SOA. */
async function transfer(port: number, zone: string): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const question = { type: 'AXFR', name: zone, class: 'IN' } as unknown as dnsPacket.Question;
  socket.write(dnsPacket.streamEncode({ type: 'query', id: 1, questions: [question] }));
  let rest = Buffer.alloc(0);
  const lines: string[] = [];
  let soas = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
      const end = 2 + rest.readUInt16BE();
      for (const answer of dnsPacket.decode(rest.subarray(2, end)).answers ?? []) {
        if (answer.type === 'SOA') soas += 1;
        else if (answer.type !== 'NS' && answer.name !== `ns.${zone}`) {
          const { name, type, ttl, data } = answer as {
            name: string;
            type: string;
            ttl: number;
            data: unknown;
          };
          const shown = type === 'TXT' ? (data as Buffer[]).map((piece) => piece.toString('hex')) : data;
          lines.push(
            `${name} ${type} ${ttl} ${JSON.stringify(shown)}${type === 'TXT' ? ` ${textOf(data as Buffer[])}` : ''}`,
          );
        }
      }
      rest = rest.subarray(end);
    }
    if (soas >= 2) break;
  }
  if (soas < 2) throw new Error(`the transfer of ${zone} broke off`);
  return lines.sort();
}
function textOf(pieces: readonly Buffer[]): string {
  return Buffer.concat(pieces).toString('latin1');
}
