/**
 * The format of batches on their way to the writer's thread. The text of a statement is sent once and is a
 * number afterwards. All octets of a batch are in one block of memory, which is transferred and not copied
 * again.
 */
import { ConflictError, StaleError, StoreError } from '../../runtime/transactor.ts';
import type { Command, SqlValue } from '../command.ts';
import { BackupError } from '../store.ts';
import type { Recorded } from './commit.ts';
import type { LogState } from './log-state.ts';

export type WireStatement = Omit<Command, 'params'> & { readonly params: number };
/** Of one transaction: its octets, and its number of commands. */
type WireItem = readonly [bytes: number, commands: number];
/** Octets in the block: [begin, end]. */
type WireValue = string | number | null | readonly [begin: number, end: number];
export interface WireBatch {
  readonly seq: number;
  /** Statements that were not sent before, in the order of their numbers. */
  readonly news: readonly WireStatement[];
  readonly items: readonly WireItem[];
  /** The commands of all items, one after the other: a statement's number, then its parameters. */
  readonly values: readonly WireValue[];
  readonly block: ArrayBuffer;
}
/** Asks to give back free pages at the end of the file; answered like an empty batch. */
export interface WireShrink {
  readonly seq: number;
  readonly shrink: number;
}
/** Asks for a copy of the store into an existing empty file; answered like an empty batch. */
export interface WireCopy {
  readonly seq: number;
  readonly copy: string;
}
/** Cancels the copy that was requested with this number. */
export interface WireBreakOff {
  readonly breakOff: number;
}
export type WireAsked = WireBatch | WireShrink | WireCopy | WireBreakOff | null;
export type WireError =
  | { readonly kind: 'stale'; readonly message: string }
  | { readonly kind: 'conflict'; readonly what: string }
  | { readonly kind: 'store'; readonly message: string; readonly retryable: boolean; readonly full: boolean }
  | { readonly kind: 'backup'; readonly message: string }
  | { readonly kind: 'other'; readonly message: string };
/** What the writer reports by itself. */
export interface WireNews {
  readonly log: LogState;
}
export interface WireCopied {
  readonly seq: number;
  /** pages */
  readonly done: number;
  readonly total: number;
}
/** The result of a batch. */
export interface WireAnswer {
  readonly seq: number;
  /** One per item, or why nothing of the batch was written. */
  readonly outcomes: readonly (WireError | null)[] | WireError;
  readonly ops: number;
  readonly ms: number;
  readonly log: LogState;
}
export type WireTold = WireAnswer | WireCopied | WireNews;

export function createEncoder(): (seq: number, batch: readonly Recorded[]) => WireBatch {
  const known = new Map<string, { statement: WireStatement; number: number }[]>();
  let next = 0;
  return (seq, batch) => {
    const news: WireStatement[] = [];
    let octets = 0;
    for (const { commands } of batch)
      for (const { params } of commands)
        for (const value of params) if (value instanceof Uint8Array) octets += value.length;
    const block = new ArrayBuffer(octets);
    const room = new Uint8Array(block);
    let at = 0;
    const values: WireValue[] = [];
    function numberOf({ sql, must, foreign, tally, params }: Command): number {
      let same = known.get(sql);
      if (same === undefined) {
        same = [];
        known.set(sql, same);
      }
      for (const { statement, number } of same)
        if (
          statement.must === must &&
          statement.foreign === foreign &&
          statement.tally === tally &&
          statement.params === params.length
        )
          return number;
      const statement = { sql, must, foreign, tally, params: params.length };
      same.push({ statement, number: next });
      news.push(statement);
      return next++;
    }
    function pack(value: SqlValue): WireValue {
      if (!(value instanceof Uint8Array)) return value;
      const begin = at;
      room.set(value, begin);
      at += value.length;
      return [begin, at];
    }
    const items = batch.map(({ commands, bytes }): WireItem => {
      for (const command of commands) {
        values.push(numberOf(command));
        for (const value of command.params) values.push(pack(value));
      }
      return [bytes, commands.length];
    });
    return { seq, news, items, values, block };
  };
}

export function createDecoder(): (batch: WireBatch) => Recorded[] {
  const statements: WireStatement[] = [];
  return ({ news, items, values, block }) => {
    statements.push(...news);
    let at = 0;
    function unpack(value: WireValue): SqlValue {
      return typeof value === 'object' && value !== null
        ? new Uint8Array(block, value[0], value[1] - value[0])
        : value;
    }
    function next(): Command {
      const statement = statements[values[at] as number]!;
      const begin = at + 1;
      at = begin + statement.params;
      return { ...statement, params: values.slice(begin, at).map(unpack) };
    }
    return items.map(([bytes, commands]) => ({ bytes, commands: Array.from({ length: commands }, next) }));
  };
}

export function encodeError(error: Error): WireError {
  const { message } = error;
  if (error instanceof StaleError) return { kind: 'stale', message };
  if (error instanceof ConflictError) return { kind: 'conflict', what: error.what };
  if (error instanceof StoreError)
    return { kind: 'store', message, retryable: error.retryable, full: error.full };
  if (error instanceof BackupError) return { kind: 'backup', message };
  return { kind: 'other', message };
}
export function decodeError(error: WireError): Error {
  switch (error.kind) {
    case 'stale':
      return new StaleError(error.message);
    case 'conflict':
      return new ConflictError(error.what);
    case 'store':
      return new StoreError(error.message, error.retryable, undefined, error.full);
    case 'backup':
      return new BackupError(error.message);
    case 'other':
      return new Error(error.message);
  }
}
