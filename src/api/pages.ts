/**
 * Lists, produced while they are sent. Invariants: rows are read a few at a time and written item by item, and the
 * event loop gets turns in between; a page ends at 4 MiB of JSON, but contains at least one item; `next_cursor`
 * leads to the items after the last one, wherever the page ended. With a filter, a page also ends after a bounded
 * number of rows: `looked_at` says how many rows were read, and `of` how many rows the list has, if that is cheap
 * to know. Every list is sent by this module or by event-page.ts; etag.ts refuses any other.
 */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MOST_LOOKED_AT, type Page, type PageRequest } from '../runtime/transactor.ts';
import { createYielding } from '../runtime/yielding.ts';
import { goneSignal } from './client-gone.ts';
import { invalid } from './problems.ts';

/** Octets of JSON at which a page ends. */
export const PAGE_OCTETS = 4 * 1024 * 1024;
export const JSON_TYPE = 'application/json; charset=utf-8';
/** Maximum of `limit`. */
export const MOST_ITEMS = 500;
/** Rows read at once: a row may have 300 KiB. */
const CHUNK = 25;

export type ReadPage<T> = (page: PageRequest) => Promise<Page<T>>;
export interface ListOptions<T> extends PageRequest {
  readonly read: ReadPage<T>;
  readonly view: (item: T) => object | Promise<object>;
  /** The field of the answer that holds the items. */
  readonly name?: string;
  /** Marks the cursor. */
  readonly list: string;
  /** The number of rows before the filter; null: costly to count. Called only if the page reports `looked_at`. */
  readonly of?: () => Promise<number | null>;
  /** Fields before the items. */
  readonly beside?: object;
  readonly signal?: AbortSignal;
}

/** A page of a list as pieces of JSON. Rejects if the store does, or with the signal's reason. */
export async function* listPieces<T>(options: ListOptions<T>): AsyncGenerator<string> {
  const { read, view, limit, list, name = 'items', beside = {}, signal } = options;
  const fields = Object.entries(beside).map(([field, value]) => `"${field}":${JSON.stringify(value)},`);
  yield `{${fields.join('')}"${name}":[`;
  const pause = createYielding();
  let shown = 0;
  let octets = 0;
  let lookedAt: number | null = null;
  let next = options.cursor;
  filling: for (;;) {
    const asked = Math.min(CHUNK, limit - shown);
    const page = await read({ limit: asked, cursor: next });
    if (page.lookedAt !== undefined) lookedAt = (lookedAt ?? 0) + page.lookedAt;
    for (const [i, item] of page.items.entries()) {
      const text = JSON.stringify(await view(item));
      octets += Buffer.byteLength(text) + 1;
      if (octets > PAGE_OCTETS && shown > 0) break filling;
      yield shown === 0 ? text : `,${text}`;
      shown += 1;
      next = page.cursors[i]!;
    }
    next = page.nextCursor;
    // If the store returns fewer rows than requested, it has read as many rows as it may.
    const isEnough = page.items.length < asked || (lookedAt ?? 0) >= MOST_LOOKED_AT;
    if (next === null || isEnough || shown >= limit) break;
    await pause();
    signal?.throwIfAborted();
  }
  const total = lookedAt === null ? null : ((await options.of?.()) ?? null);
  // The count may be a moment old and smaller than the number of rows read.
  const of = total === null || lookedAt === null ? '' : `,"of":${Math.max(total, lookedAt)}`;
  const looked = lookedAt === null ? '' : `,"looked_at":${lookedAt}${of}`;
  yield `],"next_cursor":${JSON.stringify(marked(next, list))}${looked}}`;
}
/** The same page as one text. */
export async function listJson<T>(options: ListOptions<T>): Promise<string> {
  const pieces: string[] = [];
  for await (const piece of listPieces(options)) pieces.push(piece);
  return pieces.join('');
}

/** The name of the list that a request is about: its path. */
export function listOf({ url }: Pick<FastifyRequest, 'url'>): string {
  return url.split('?', 1)[0]!.toLowerCase();
}
const markOf = (list: string) => createHash('sha256').update(list).digest('base64url').slice(0, 6);
/** The cursor with the mark of its list, so that it is refused in another one. */
export function marked(cursor: string | null, list: string): string | null {
  return cursor === null ? null : `${cursor}.${markOf(list)}`;
}

/** The query parameters of a list. */
export interface PageAsked {
  readonly limit?: number;
  readonly cursor?: string;
}
/**
 * The requested page; `most` items if the caller gives no limit. Throws problem 400 if the cursor is damaged or of another
 * list. A cursor without a mark is of an earlier version.
 */
export function pageOf({ limit, cursor: asked }: PageAsked, list: string, most = 50): PageRequest {
  const [cursor = null, mark] = asked?.split('.') ?? [];
  if (mark !== undefined && mark !== markOf(list)) throw invalid('cursor', 'is a cursor from another list');
  if (cursor !== null && !isCursor(cursor)) throw invalid('cursor', 'is not a cursor from a list');
  return { limit: limit ?? most, cursor };
}
/** A cursor is the key of a row in base64url (store/command). Keys are printable; a damaged cursor is not. */
function isCursor(text: string): boolean {
  const key = Buffer.from(text, 'base64url');
  return key.toString('base64url') === text && /^[\x20-\x7e]+$/.test(key.toString('latin1'));
}
/** The caller of a list, and the requested part of it. */
export interface Asker {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: PageAsked;
}
/** A list as a handler returns it. It is produced while it is sent. */
export interface Listing<V> {
  sendTo(asker: Asker): Promise<FastifyReply>;
  /** The type of its items in the answer; never called. */
  readonly item?: () => V;
}
type Shown<T, V> = (item: T) => V | Promise<V>;
/** A list that is read page by page; `most` items if the caller gives no limit. */
export function list<T, V extends object>(
  read: ReadPage<T>,
  view: Shown<T, V>,
  { beside = {}, most = 50, of }: Pick<ListOptions<T>, 'beside' | 'of'> & { readonly most?: number } = {},
): Listing<V> {
  return {
    async sendTo({ request, reply, query }) {
      const signal = goneSignal(reply);
      const name = listOf(request);
      const options = { ...pageOf(query, name, most), list: name, read, view, beside, signal };
      return sendPieces(request, reply, listPieces(of === undefined ? options : { ...options, of }), signal);
    },
  };
}
/** A list that is completely in memory. If the caller gives no limit, a page has the maximum number of items. */
export function wholeList<T, V extends object>(whole: Whole<T>, view: Shown<T, V>): Listing<V> {
  return list(pagesOf(whole), view, { most: MOST_ITEMS });
}
/** The key for sharing capacity: the caller's project, or the member if the request names no project. */
function sendPieces(
  { principal, self, routeOptions }: FastifyRequest,
  reply: FastifyReply,
  pieces: AsyncGenerator<string>,
  signal: AbortSignal,
): Promise<FastifyReply> {
  const share = principal?.projectId ?? self?.member.id ?? '';
  return reply.streamed(pieces, { type: JSON_TYPE, share, signal, ids: { route: routeOptions.url ?? '' } });
}

/** A list that is completely in memory, ordered by its keys. */
export interface Whole<T> {
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  readonly order: 'up' | 'down';
}
export function pagesOf<T>({ items, keyOf, order }: Whole<T>): ReadPage<T> {
  const encode = (item: T) => Buffer.from(keyOf(item)).toString('base64url');
  return async ({ limit, cursor }) => {
    const key = cursor === null ? null : Buffer.from(cursor, 'base64url').toString('utf8');
    const isBehind = (item: T) => (order === 'up' ? keyOf(item) > key! : keyOf(item) < key!);
    const start = key === null ? 0 : items.findIndex(isBehind);
    const shown = start === -1 ? [] : items.slice(start, start + limit);
    const cursors = shown.map(encode);
    const isMore = start !== -1 && start + limit < items.length;
    return { items: shown, cursors, nextCursor: isMore ? (cursors.at(-1) ?? null) : null };
  };
}
export const byId = ({ id }: { readonly id: string }): string => id;
/** A key that orders by time of creation, then by id. */
export function byCreation({ createdAt, id }: { readonly createdAt: number; readonly id: string }): string {
  return `${String(createdAt).padStart(15, '0')} ${id}`;
}
