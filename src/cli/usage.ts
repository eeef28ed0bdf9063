/** Wrong usage of a command: the exit status is 2, and stderr shows the command's usage line. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

export class UsageError extends Error {
  override name = 'UsageError';
}
/** The user or the system interrupted the command. This error is the reason of the command's signal. */
export class BrokenOff extends Error {
  override name = 'BrokenOff';
  /** The exit status, as shells define it: 128 plus the number of the signal. */
  readonly status: number;
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${signal}`);
    this.status = signal === 'SIGINT' ? 130 : 143;
  }
}
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** SIGINT and SIGTERM abort it with BrokenOff. */
  readonly signal: AbortSignal;
}
export interface Command {
  readonly summary: string;
  readonly usage: string;
  /** What remains if the command is interrupted. */
  readonly brokenOff?: string;
  /** The command answers `--help` itself. */
  readonly helps?: true;
  /** Returns the exit status. If it is interrupted, rejects with the signal's reason. */
  run(args: readonly string[], context: CommandContext): Promise<number>;
}

/** parseArgs of node:util; its errors become UsageError. */
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
/** Like parseOptions, with exactly one file name among the arguments. */
export function parseFileAndOptions<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
) {
  let parsed: ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const [file, ...more] = parsed.positionals;
  if (file === undefined || more.length > 0) throw new UsageError('exactly one file name is needed');
  return { file, options: parsed.values };
}
/** Like parseOptions, with any number of words among the arguments. */
export function parseWordsAndOptions<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
) {
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { words: parsed.positionals, options: parsed.values };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
