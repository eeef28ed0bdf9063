/** Wrong usage of a command: exit status 2, with the command's usage line. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

export class UsageError extends Error {
  override name = 'UsageError';
}
/** Why a command ends that was broken off by the user or the system; the reason of its signal. */
export class BrokenOff extends Error {
  override name = 'BrokenOff';
  /** As a shell tells it: 128 and the signal's number. */
  readonly status: number;
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`broken off by ${signal}`);
    this.status = signal === 'SIGINT' ? 130 : 143;
  }
}
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM, with BrokenOff. */
  readonly signal: AbortSignal;
}
export interface Command {
  readonly summary: string;
  readonly usage: string;
  /** What it leaves where it is broken off. */
  readonly brokenOff?: string;
  /** It answers `--help` itself. */
  readonly helps?: true;
  /** Returns the exit status. Rejects with the signal's reason where it breaks off. */
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
/** As parseOptions, with one file name among the arguments. */
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
  if (file === undefined || more.length > 0) throw new UsageError('one file is needed');
  return { file, options: parsed.values };
}
/** As parseOptions, with words among the arguments. */
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
