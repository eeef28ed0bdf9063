/**
 * `npm run bench [case …] [-- --peers --runs N --sessions 1,20,100 --mode one|persistent --record]`: messages a second,
 * end to end (until the sink has them all; for `accept`, until the last 250). With --peers the same load goes through
 * a private Postfix right after each of our runs; with --against it goes through the service of another checkout
 * (a directory), each first in turn. The ratio is the median of the paired ratios. One JSON line per case.
 * `old [--engine sqlite|postgres] [--part NAME,…] [--store DIRECTORY] [--minutes N]`: see scenarios/old/index.ts.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES, line, ours, peer, type Shape, type Subject } from './cases.ts';
import { type CountingSink, cpuSeconds, hasProgram, runLoad, startCountingSink } from './processes.ts';
import { runScenario, SCENARIOS } from './scenarios/index.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    against: { type: 'string' },
    peers: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    sessions: { type: 'string', default: '1,20,100' },
    mode: { type: 'string' },
    count: { type: 'string' },
    kind: { type: 'string' },
    engine: { type: 'string', default: 'sqlite' },
    part: { type: 'string' },
    store: { type: 'string' },
    minutes: { type: 'string', default: '30' },
  },
});
const runs = Number(values.runs);
const against = values.against === undefined ? null : resolve(values.against, 'bin/hikyaku.js');
if (against !== null && values.peers) {
  process.stderr.write('--against and --peers are two comparisons: one at a time\n');
  process.exit(2);
}
const engine = (['sqlite', 'postgres'] as const).find((name) => name === values.engine);
if (engine === undefined) {
  process.stderr.write(`no such engine: ${values.engine}; there are sqlite and postgres\n`);
  process.exit(2);
}
const all: readonly string[] = [...CASES, ...SCENARIOS];
const unknown = positionals.find((name) => !all.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`no such case: ${unknown}; there are ${all.join(', ')}\n`);
  process.exit(2);
}
const names = positionals.length === 0 ? all : positionals;
const chosen = CASES.filter((name) => names.includes(name));
const smtpSource = hasProgram('smtp-source');
if (!hasProgram('smtp-sink')) {
  process.stderr.write('smtp-sink is absent: install the package postfix\n');
  process.exit(1);
}
if (!smtpSource) process.stderr.write('smtp-source is absent: the own generator is used instead\n');

const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
const bareKeys = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ed25519: generateKeyPairSync('ed25519').privateKey,
};
const round = (n: number, digits = 0) => Number(n.toFixed(digits));

interface Measured {
  readonly rate: number;
  /** CPU ms per message of the one process, where it is one. */
  readonly cpu: number | null;
}
async function measure(
  subject: Subject,
  sink: CountingSink,
  shape: Shape,
  count: number,
  toSink: boolean,
): Promise<Measured> {
  const end = subject.arrivals ?? sink;
  const before = end.count;
  const cpu = subject.pid === null ? 0 : cpuSeconds(subject.pid);
  const began = performance.now();
  const arrived = toSink ? end.reached(before + count) : null;
  await runLoad(subject.load(shape, count), smtpSource);
  await arrived;
  const seconds = (performance.now() - began) / 1000;
  return {
    rate: count / seconds,
    cpu: subject.pid === null ? null : ((cpuSeconds(subject.pid) - cpu) / count) * 1000,
  };
}
function counts(shape: Shape): { ours: number; peer: number } {
  if (values.count !== undefined) return { ours: Number(values.count), peer: Number(values.count) };
  if (shape.sessions === 1) return { ours: 1000, peer: 300 };
  return shape.persistent ? { ours: 8000, peer: 2000 } : { ours: 5000, peer: 1500 };
}
function report(result: Record<string, unknown>): void {
  const text = JSON.stringify(result);
  process.stdout.write(`${text}\n`);
  if (values.record) appendFileSync(new URL('./RESULTS.md', import.meta.url), `${text}\n`);
}
if (values.record) {
  const cpu = cpus();
  appendFileSync(
    new URL('./RESULTS.md', import.meta.url),
    `\n## ${new Date().toISOString().slice(0, 10)}, ${cpu.length} × ${cpu[0]?.model ?? 'unknown'}, ${round(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}\n\n`,
  );
}

const shapes: Shape[] = values.sessions
  .split(',')
  .map(Number)
  .flatMap((sessions) => [
    { sessions, persistent: false },
    { sessions, persistent: true },
  ])
  .filter(({ persistent }) => values.mode === undefined || persistent === (values.mode === 'persistent'));

for (const name of SCENARIOS) {
  if (!names.includes(name)) continue;
  const options = {
    runs,
    count: values.count === undefined ? null : Number(values.count),
    kind: values.kind ?? null,
    engine,
    parts: values.part?.split(',') ?? [],
    keptIn: values.store === undefined ? null : resolve(values.store),
    minutes: Number(values.minutes),
  };
  for (const result of await runScenario(name, options)) report({ case: name, ...result });
}
for (const name of chosen) {
  await using sink = await startCountingSink();
  if (name === 'line') {
    for (const shape of shapes) {
      const rates: number[] = [];
      for (let run = 0; run < runs; run++)
        rates.push((await measure(line(sink), sink, shape, counts(shape).ours, true)).rate);
      report({ case: name, ...shape, ours: round(median(rates)), peer: null, ratio: null, runs });
    }
    continue;
  }
  await using subject = await ours(name, sink);
  // DKIM is paired with the same relay without it, and with the two bare signatures.
  await using plain = name === 'relay-dkim' ? await ours('relay', sink) : null;
  await using other =
    against !== null
      ? await ours(name, sink, against)
      : values.peers
        ? await peer(name, sink, subject.service.directory)
        : null;
  const toSink = name !== 'accept';
  for (const s of [subject, plain, other]) {
    if (s !== null) await measure(s, sink, { sessions: 20, persistent: true }, 1000, toSink);
  }
  for (const shape of shapes) {
    const count = counts(shape);
    const mine: Measured[] = [];
    const without: Measured[] = [];
    const bare: number[] = [];
    const theirs: Measured[] = [];
    const before = await subject.work?.();
    for (let run = 0; run < runs; run++) {
      // Of two services of our own each goes first as often as the other.
      const theirsFirst = against !== null && other !== null && run % 2 === 1;
      if (theirsFirst) theirs.push(await measure(other, sink, shape, count.ours, toSink));
      mine.push(await measure(subject, sink, shape, count.ours, toSink));
      if (plain !== null) {
        without.push(await measure(plain, sink, shape, count.ours, toSink));
        bare.push(bareSignatures());
      }
      if (other !== null && !theirsFirst)
        theirs.push(await measure(other, sink, shape, against === null ? count.peer : count.ours, toSink));
    }
    report({
      case: name,
      ...shape,
      ours: round(median(mine.map(({ rate }) => rate))),
      peer: theirs.length === 0 ? null : round(median(theirs.map(({ rate }) => rate))),
      ratio: theirs.length === 0 ? null : round(median(mine.map(({ rate }, i) => rate / theirs[i]!.rate)), 2),
      runs,
      cpu_ms: round(median(mine.map(({ cpu }) => cpu!)), 3),
      ...(against === null ? {} : { peer_cpu_ms: round(median(theirs.map(({ cpu }) => cpu!)), 3) }),
      ...(before === undefined ? {} : perMessage(before, (await subject.work?.())!, runs * count.ours)),
      ...(without.length === 0 ? {} : dkimCost(mine, without, bare)),
    });
  }
}

/** What the database did for each message, the cluster's own chores included. */
function perMessage(
  before: { commits: number; rows: number },
  after: { commits: number; rows: number },
  messages: number,
) {
  return {
    rows_per_message: round((after.rows - before.rows) / messages, 2),
    commits_per_message: round((after.commits - before.commits) / messages, 3),
  };
}
/** Added CPU of signing against the two bare signatures made right after it, pair by pair. */
function dkimCost(mine: readonly Measured[], without: readonly Measured[], bare: readonly number[]) {
  const added = mine.map(({ cpu }, i) => cpu! - without[i]!.cpu!);
  return {
    without: round(median(without.map(({ rate }) => rate))),
    added_cpu_ms: round(median(added), 3),
    bare_signatures_ms: round(median(bare), 3),
    added_to_bare: round(median(added.map((cpu, i) => cpu / bare[i]!)), 2),
  };
}
/** CPU ms of an RSA-2048 and an Ed25519 signature over what a header comes to, made here and now on one core. */
function bareSignatures(): number {
  const { rsa, ed25519 } = bareKeys;
  const data = Buffer.alloc(600, 'x');
  const before = process.cpuUsage();
  for (let i = 0; i < 2000; i++) {
    sign('sha256', data, rsa);
    sign(null, data.subarray(0, 32), ed25519);
  }
  const used = process.cpuUsage(before);
  return (used.user + used.system) / 2000 / 1000;
}
