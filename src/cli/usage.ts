/** Wrong usage of a command: exit status 2, with the command's usage line. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

export class UsageError extends Error {
  override name = 'UsageError';
}
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}
export interface Command {
  readonly summary: string;
  readonly usage: string;
  /** Returns the exit status. */
  run(args: readonly string[], context: CommandContext): Promise<number>;
}

/** node:util's parseArgs, whose complaints become UsageError. */
export function parseOptions<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
