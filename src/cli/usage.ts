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
  /** What to do if its output could not be written; where running it again does not simply show it again. */
  readonly unwritten?: string;
  /** The command answers `--help` itself. */
  readonly helps?: true;
  /** Returns the exit status. If it is interrupted, rejects with the signal's reason. */
  run(args: readonly string[], context: CommandContext): Promise<number>;
}

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * parseArgs of node:util in its strict form. An option that is given twice is refused, unless it is a list: parseArgs
 * would take the last value, and the command would act on less or on something else than its line says. Throws
 * UsageError.
 */
function parsed<T extends Options, P extends boolean>(
  args: readonly string[],
  options: T,
  allowPositionals: P,
) {
  try {
    const result = parseArgs({ args: [...args], options, allowPositionals, strict: true, tokens: true });
    const given = new Set<string>();
    for (const token of result.tokens) {
      if (token.kind !== 'option') continue;
      if (given.has(token.name) && options[token.name]?.multiple !== true)
        throw new UsageError(`--${token.name} is given twice`);
      given.add(token.name);
    }
    return result;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message);
  }
}
/** Only options. Throws UsageError. */
export function parseOptions<T extends Options>(args: readonly string[], options: T) {
  return parsed(args, options, false).values;
}
/** Like parseOptions, with exactly one file name among the arguments. */
export function parseFileAndOptions<T extends Options>(args: readonly string[], options: T) {
  const { positionals, values } = parsed(args, options, true);
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError('exactly one file name is needed');
  return { file, options: values };
}
/** Like parseOptions, with any number of words among the arguments. */
export function parseWordsAndOptions<T extends Options>(args: readonly string[], options: T) {
  const { positionals, values } = parsed(args, options, true);
  return { words: positionals, options: values };
}
