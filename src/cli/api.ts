/**
 * `hikyaku api`: calls any operation of a running service by its name, as the service's OpenAPI documents
 * describe it. The answer goes to stdout as one JSON value (`null` if the body is empty; a body that is not
 * JSON goes out unchanged). A refusal goes to stderr. Options before the operation's name say how to reach
 * the service (`--url`); options after it are fields of the operation (its `url`).
 */
import { text } from 'node:stream/consumers';
import { loadApiAccess } from '../config/api-access.ts';
import { ACCESS_OPTIONS, clientOf, createApiClient, refusal } from './api-client.ts';
import { type CliOperation, describe, loadOperations, requestOf } from './operations.ts';
import { type CommandContext, UsageError } from './usage.ts';

type Flag = readonly [name: string, value: string | true];
interface Parsed {
  readonly words: readonly string[];
  /** Before the first word. */
  readonly access: readonly Flag[];
  readonly flags: readonly Flag[];
}
/** Splits arguments into words and flags. Only the OpenAPI documents tell which flags exist. */
function parse(args: readonly string[]): Parsed {
  const words: string[] = [];
  const access: Flag[] = [];
  const all: Flag[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!arg.startsWith('--')) {
      words.push(arg);
      continue;
    }
    const isAccess = words.length === 0 && Object.hasOwn(ACCESS_OPTIONS, arg.slice(2).split('=')[0]!);
    const flags = isAccess ? access : all;
    const equals = arg.indexOf('=');
    const next = args[i + 1];
    if (equals !== -1) flags.push([arg.slice(2, equals), arg.slice(equals + 1)]);
    else if (next === undefined || next.startsWith('--')) flags.push([arg.slice(2), true]);
    else {
      flags.push([arg.slice(2), next]);
      i++;
    }
  }
  return { words, access, flags: all };
}

export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const parsed = parse(args);
  const { words, flags } = parsed;
  const own = (name: string, among = flags) => among.findLast(([flag]) => flag === name)?.[1];
  const textOf = (name: string, among = flags) => {
    const value = own(name, among);
    if (value === true) throw new UsageError(`--${name} needs a value`);
    return value;
  };
  const access = Object.fromEntries(
    Object.keys(ACCESS_OPTIONS).map((name) => [name, textOf(name, parsed.access)]),
  );
  const [name, ...ids] = words;
  if (name === undefined && own('list') === undefined)
    throw new UsageError('the name of an operation is needed; --list prints all names');
  // The OpenAPI documents need no key.
  const operations = await loadOperations(
    createApiClient(loadApiAccess(context.env, access), context.signal),
  );
  if (name === undefined) {
    list(operations, own('json') !== undefined);
    return 0;
  }
  const operation = operations.find(({ id }) => id === name);
  if (operation === undefined) {
    const near = operations.filter(({ id }) => id.includes(name) || name.includes(id)).map(({ id }) => id);
    throw new UsageError(
      `there is no operation ${name}${near.length === 0 ? '; --list prints all names' : `; similar names: ${near.join(', ')}`}`,
    );
  }
  if (own('help') !== undefined) {
    process.stdout.write(`${describe(operation)}\n`);
    return 0;
  }
  const json = textOf('json');
  const request = requestOf(
    operation,
    {
      ids,
      flags: flags.filter(([flag]) => flag !== 'json'),
      body: json === undefined ? undefined : bodyOf(json === '-' ? await text(process.stdin) : json),
    },
    loadApiAccess(context.env, access).url,
  );
  const answer = await clientOf(access, context).ask(request);
  if (answer.status >= 400) {
    process.stderr.write(`hikyaku api: ${refusal(answer).message}\n`);
    return 1;
  }
  if (answer.json === null && answer.octets.length > 0) process.stdout.write(answer.octets);
  else process.stdout.write(`${JSON.stringify(answer.json)}\n`);
  return 0;
}

function bodyOf(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch (error) {
    throw new UsageError(`--json: ${(error as Error).message}`);
  }
}
function list(operations: readonly CliOperation[], asJson: boolean): void {
  if (asJson) {
    const shown = operations.map(({ id, method, path, summary, ids, fields }) => ({
      id,
      method,
      path,
      summary,
      ids,
      fields: fields
        .filter(({ isFixed }) => isFixed !== true)
        .map((field) => ({ name: field.name, required: field.required })),
    }));
    process.stdout.write(`${JSON.stringify(shown)}\n`);
    return;
  }
  for (const { id, ids, fields, summary } of operations) {
    const flags = fields
      .filter(({ isFixed }) => isFixed !== true)
      .filter(({ place }) => place !== 'header')
      .map(({ name, required }) => (required ? ` --${name} …` : ` [--${name} …]`))
      .join('');
    process.stdout.write(`${id}${ids.map((one) => ` <${one}>`).join('')}${flags}\n    ${summary}\n`);
  }
}
