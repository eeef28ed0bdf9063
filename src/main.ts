/** argv and signals, nothing else. Exit status: 0 success, 1 failure, 2 wrong usage. */
import { commands } from './cli/commands.ts';
import { UsageError } from './cli/usage.ts';
import { ConfigError } from './config/config.ts';

const [name, ...args] = process.argv.slice(2);
const command = commands[name ?? 'help'];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  });
}
if (command === undefined) {
  process.stderr.write(`hikyaku: there is no command '${name}'; 'hikyaku help' lists them\n`);
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await command.run(args, { env: process.env, signal: stop.signal });
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`hikyaku ${name}: ${error.message}\nusage: hikyaku ${name} ${command.usage}\n`);
      process.exitCode = 2;
    } else if (error instanceof ConfigError) {
      for (const problem of error.problems) process.stderr.write(`hikyaku: ${problem}\n`);
      process.exitCode = 1;
    } else {
      process.stderr.write(`hikyaku: ${error instanceof Error ? explain(error) : String(error)}\n`);
      process.exitCode = 1;
    }
  }
  // Sockets of a stopped service may linger in TLS shutdown; nothing is left to do for them.
  if (stop.signal.aborted) process.exit(process.exitCode);
}

function explain(error: Error): string {
  return process.env['HIKYAKU_LOG_LEVEL'] === 'debug' ? (error.stack ?? error.message) : error.message;
}
