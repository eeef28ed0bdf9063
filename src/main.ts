/**
 * Handles argv and signals only. Exit status: 0 success, 1 failure, 2 wrong usage, 130 and 143 interrupted by
 * a signal, 141 the reader of the output is gone.
 */
import { asked, commandOf } from './cli/commands.ts';
import { UNWRITTEN, watchOutput } from './cli/output.ts';
import { BrokenOff, UsageError } from './cli/usage.ts';
import { ConfigError } from './config/config.ts';

/** ms from the signal until a command ends, whatever it waits for. What it was doing is then as after a kill. */
const LEFT_MS = 10_000;
/** The service ends its parts within 27 s by itself. */
const SERVICE_LEFT_MS = 29_000;
const { name, args } = asked(process.argv.slice(2));
const command = commandOf(name);
const stop = new AbortController();
watchOutput(name, process, command?.unwritten ?? UNWRITTEN);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    const reason = new BrokenOff(signal);
    if (stop.signal.aborted) process.exit(reason.status);
    stop.abort(reason);
    setTimeout(
      () => {
        sayBroken();
        process.exit(reason.status);
      },
      name === 'serve' ? SERVICE_LEFT_MS : LEFT_MS,
    ).unref();
  });
}
if (command === null) {
  process.stderr.write(`hikyaku: there is no command '${name}'; 'hikyaku help' lists them\n`);
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await command.run(args, { env: process.env, signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted && isBreak(error)) {
      sayBroken();
      process.exitCode = (stop.signal.reason as BrokenOff).status;
    } else if (error instanceof UsageError) {
      process.stderr.write(`hikyaku ${name}: ${error.message}\nusage: hikyaku ${name} ${command.usage}\n`);
      process.exitCode = 2;
    } else if (error instanceof ConfigError) {
      for (const problem of error.problems) process.stderr.write(`hikyaku: ${problem}\n`);
      process.exitCode = 1;
    } else {
      process.stderr.write(`hikyaku: ${error instanceof Error ? await explain(error) : String(error)}\n`);
      process.exitCode = 1;
    }
  }
  // Sockets of a stopped service may still be open for TLS shutdown; there is nothing left to do for them.
  // Nor does a stop wait for parts that hang.
  if (stop.signal.aborted || name === 'serve') process.exit(process.exitCode);
}

function sayBroken(): void {
  const left = command?.brokenOff === undefined ? '' : `; ${command.brokenOff}`;
  process.stderr.write(`hikyaku ${name}: ${(stop.signal.reason as BrokenOff).message}${left}\n`);
}
/** If a Node.js function received the signal, it throws an AbortError whose cause is the reason. */
function isBreak(error: unknown): boolean {
  return error === stop.signal.reason || (error instanceof Error && error.name === 'AbortError');
}
async function explain(error: Error): Promise<string> {
  if (process.env['HIKYAKU_LOG_LEVEL'] === 'debug') return error.stack ?? error.message;
  const { storeWords } = await import('./stores.ts');
  return storeWords(error) ?? error.message;
}
