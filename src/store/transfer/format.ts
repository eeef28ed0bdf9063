/**
 * A store as a file, to move it to another engine: gzipped lines of JSON. The first line describes the file.
 * Then come tables, in an order in which each row finds the rows that it refers to: `{"table","columns"}`,
 * and one line with an array per row, octets as `{"octets": base64}`. The last line is `{"end": rows}`. Fails
 * with TransferError if a file is not an export or not complete.
 */
import type { SqlValue } from '../command.ts';

export const FORMAT = 'hikyaku-export';
/** The version of the format, not of the schema: the file names its tables and columns. */
export const FORMAT_VERSION = 1;

export const TABLES = [
  'project',
  'member',
  'passkey',
  'recovery_code',
  'session',
  'sign_in_link',
  'membership',
  'role',
  'invitation',
  'audit_event',
  'api_client',
  'static_key',
  'owned_domain',
  'topic',
  'mta_domain',
  'dkim_key',
  'removed_domain',
  'rule',
  'project_limits',
  'sending_settings',
  'usage',
  'traffic',
  'traffic_rolled',
  'limit_alert',
  'limit_request',
  'message',
  'message_body',
  'recipient',
  'attempt',
  'subscriber',
  'event',
  'subscriber_delivery',
  'suspension',
  'queue_operation',
  'sent_key',
  'task',
  'idempotency',
  'auth_failure',
  'auth_success',
  'dns_account',
  'dns_plan',
  'dns_change',
  'corrupt',
] as const;
export type TableName = (typeof TABLES)[number];

export interface Head {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** Wall ms. */
  readonly takenAt: number;
  /** Identifies the secret key that opens the sealed values; null if there was none. */
  readonly keyId: string | null;
}
/** An export cannot be made or imported; the message says why and what would help. */
export class TransferError extends Error {
  override name = 'TransferError';
}

export function encodeRow(row: readonly SqlValue[]): string {
  return JSON.stringify(
    row.map((value) =>
      value instanceof Uint8Array
        ? { octets: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
        : value,
    ),
  );
}
type Line =
  | { readonly kind: 'table'; readonly table: TableName; readonly columns: readonly string[] }
  | { readonly kind: 'row'; readonly row: SqlValue[] }
  | { readonly kind: 'end'; readonly rows: number };

/** Whether it is the first line of an export, of any version. Throws TransferError if it is not JSON. */
export const isHead = (line: string): boolean => (parse(line) as Partial<Head> | null)?.format === FORMAT;

export function readHead(line: string): Head {
  const head = parse(line) as Partial<Head> | null;
  if (head?.format !== FORMAT) throw new TransferError('the file is not a Hikyaku export');
  if (head.version !== FORMAT_VERSION)
    throw new TransferError(
      `the export has format version ${head.version}; this program reads version ${FORMAT_VERSION}`,
    );
  return head as Head;
}
export function readLine(line: string): Line {
  const value = parse(line);
  if (Array.isArray(value))
    return {
      kind: 'row',
      row: value.map((cell: unknown) =>
        typeof cell === 'object' && cell !== null
          ? Buffer.from((cell as { octets: string }).octets, 'base64')
          : (cell as SqlValue),
      ),
    };
  const { table, columns, end } = value as { table?: string; columns?: string[]; end?: number };
  if (typeof end === 'number') return { kind: 'end', rows: end };
  const known = TABLES.find((one) => one === table);
  if (known === undefined || columns === undefined || !columns.every((name) => /^[a-z0-9_]+$/.test(name)))
    throw new TransferError(`the export has a table this program does not know: ${table}`);
  return { kind: 'table', table: known, columns };
}
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new TransferError('the export is damaged: one of its lines is not JSON');
  }
}
