/** All commands by name. A command's module is loaded only when the command runs. */
import { createRequire } from 'node:module';
import { OPTION_WORDS } from './option-words.ts';
import { type Command, UsageError } from './usage.ts';

const ACCESS = '[--url URL] [--key-id ID] [--key-secret SECRET]';

function lazy(
  summary: string,
  usage: string,
  load: () => Promise<{ run: Command['run'] }>,
  { brokenOff, unwritten }: Pick<Command, 'brokenOff' | 'unwritten'> = {},
): Command {
  const run: Command['run'] = async (args, context) => (await load()).run(args, context);
  return {
    summary,
    usage,
    run,
    ...(brokenOff === undefined ? {} : { brokenOff }),
    ...(unwritten === undefined ? {} : { unwritten }),
  };
}

export const commands: Readonly<Record<string, Command>> = {
  serve: lazy('run the service', '', () => import('./serve.ts')),
  ready: lazy(
    'tell by the exit status whether the service of this configuration accepts mail',
    '',
    () => import('./ready.ts'),
  ),
  bootstrap: lazy(
    'make a project with a domain, a topic and a key',
    '--domain NAME [--verified] [--project NAME] [--role admin|sender|operator] [--email ADDRESS [--operator]] [--json] | --email ADDRESS --operator [--json]',
    () => import('./bootstrap.ts'),
    {
      unwritten:
        'what it made exists, and its secret is lost: run it again with the name of the project for another key',
    },
  ),
  member: lazy(
    'reset the sign-in of a member and print a one-time link',
    'reset EMAIL [--second-factor] [--json]',
    () => import('./member.ts'),
    { unwritten: 'run it again: it makes another link' },
  ),
  'secret-key': lazy(
    'check that the secret key is the key of the store, or replace what a lost key has sealed',
    'check [--json] | replace [--yes] [--json]',
    () => import('./secret-key.ts'),
    {
      brokenOff: 'what it has replaced stays replaced; run it again to replace the rest',
      unwritten:
        'write it elsewhere, or make room, and run it again: it finishes the replacement and shows everything again',
    },
  ),
  doctor: lazy('check that this machine can run the service', '[--json]', () => import('./doctor.ts')),
  zone: lazy("print the operator's own DNS records", '[--address IP]... [--json]', () => import('./zone.ts')),
  queue: lazy(
    'show what waits and why; retry, cancel, bounce, suspend, resume',
    '[list|show|retry|cancel|bounce|suspend|resume|suspensions|log] [--project NAME|ID] [--site S] [--domain D] [--sender A] [--older-than 2h] [--state S] [--all] [--dry-run] [--reason TEXT] [--for 1d | --until TIME | --until-resumed] [--id SUSPENSION] [--yes] [--limit N] [--cursor CURSOR] [--json]',
    () => import('./queue.ts'),
    {
      brokenOff: 'what it has already changed stays changed; run it again to change the rest',
      unwritten: 'what it has changed stays changed; `hikyaku queue log` shows it',
    },
  ),
  message: lazy('tell what happened to one message', `ID [--json] ${ACCESS}`, () => import('./message.ts')),
  listen: lazy(
    "post a project's signed events to a hook on this machine",
    `--forward http://127.0.0.1:PORT/PATH [--topic ID] [--secret whsec_…] [--inline] [--count N] [--json] ${ACCESS}`,
    () => import('./listen.ts'),
  ),
  key: lazy(
    'create, list or delete static keys of an API client',
    `create|list|delete [KEY] [--client ID] [--expires-at TIME] [--json] ${ACCESS}`,
    () => import('./key.ts'),
    { unwritten: '`hikyaku key list` shows what exists; delete a key whose secret was lost' },
  ),
  api: {
    ...lazy(
      'call an operation of the HTTP API by its name, as the running service describes it',
      `${ACCESS} --list | OPERATION [ID]... [--FIELD VALUE]... [--json BODY] [--help]`,
      () => import('./api.ts'),
    ),
    helps: true,
  },
  backup: lazy(
    'copy the embedded store into one file; the service may keep running',
    'FILE [--with-secret-key] [--json]',
    () => import('./backup.ts'),
    { brokenOff: 'no file was made', unwritten: 'the file was made' },
  ),
  restore: lazy(
    'replace the store of this configuration with a backup',
    'FILE [--force] [--other-key] [--json]',
    () => import('./restore.ts'),
    { brokenOff: 'the store is unchanged', unwritten: 'the store was replaced' },
  ),
  export: lazy(
    'write the embedded store into a file for `import`; the service must be stopped',
    'FILE [--json]',
    () => import('./export.ts'),
    { brokenOff: 'no file was made, and the store is unchanged', unwritten: 'the file was made' },
  ),
  import: lazy(
    'import an export into an empty PostgreSQL store',
    'FILE [--json]',
    () => import('./import.ts'),
    { brokenOff: 'the database is still empty', unwritten: 'the import is complete' },
  ),
  migrate: lazy(
    "migrate the store to this program's schema version",
    '[--json]',
    () => import('./migrate.ts'),
    { brokenOff: 'nothing is lost: the next start or the next `hikyaku migrate` continues' },
  ),
  sink: lazy(
    'run a recording SMTP server and HTTP hook for development',
    '[--listen HOST:PORT] [--http HOST:PORT] [--fail PATTERN=CODE]...',
    () => import('./sink.ts'),
  ),
  openapi: lazy(
    'print an OpenAPI document of the running service',
    'mta|edj|iam',
    () => import('./openapi.ts'),
  ),
  version: {
    summary: 'print the version',
    usage: '',
    async run() {
      const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
      process.stdout.write(`${version}\n`);
      return 0;
    },
  },
  help: {
    summary: 'list the commands, or describe one of them',
    usage: '[COMMAND]',
    async run([name]) {
      if (name === undefined) {
        listAll();
        return 0;
      }
      const command = commandOf(name);
      if (command === null) throw new UsageError(`there is no command '${name}'`);
      process.stdout.write(helpOf(name, command));
      return 0;
    },
  },
};
export function helpOf(name: string, { summary, usage }: Pick<Command, 'summary' | 'usage'>): string {
  const words = Object.entries(OPTION_WORDS[name] ?? {});
  const width = Math.max(0, ...words.map(([word]) => word.length));
  const lines = words.map(([word, meaning]) => `  ${word.padEnd(width)}  ${meaning}\n`);
  return `hikyaku ${name}: ${summary}\n${`usage: hikyaku ${name} ${usage}`.trimEnd()}\n${lines.length === 0 ? '' : '\n'}${lines.join('')}`;
}
function listAll(): void {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  for (const [name, { summary, usage }] of Object.entries(commands))
    process.stdout.write(
      `  hikyaku ${name.padEnd(width)}  ${summary}${usage === '' ? '' : `\n${' '.repeat(width + 13)}${usage}`}\n`,
    );
}
/** null if no command has that name. */
export function commandOf(name: string): Command | null {
  return Object.hasOwn(commands, name) ? commands[name]! : null;
}
/** The command that a command line asks for. `--help` and `--version` count as commands. */
export function asked([first = 'help', ...args]: readonly string[]): {
  name: string;
  args: readonly string[];
} {
  if (first === '--version' || first === '-V') return { name: 'version', args: [] };
  if (first === '--help' || first === '-h') return { name: 'help', args };
  const isHelp = args.some((word) => word === '--help' || word === '-h');
  // A command with its own help answers `--help` only if a name comes first (`hikyaku api NAME --help`).
  const isOwn = commandOf(first)?.helps === true && args[0] !== undefined && !args[0].startsWith('-');
  return isHelp && !isOwn ? { name: 'help', args: [first] } : { name: first, args };
}
