/**
 * Recorded transactions, and how a batch of them becomes few statements. Rows of one kind go into one
 * statement. The order of recording is kept where it can matter: nothing overtakes a control-plane command
 * (`apart: false`); one statement does not move a row twice; referenced rows are written first. Commands that
 * are `apart` touch nothing of these statements (idempotency keys, tasks) and end no stage.
 */
import type { QueryResult } from 'pg';
import { TRAFFIC_KINDS, WIDTHS } from '../../limits/traffic.ts';
import type { Command, SqlValue } from '../command.ts';
import { BATCH_KINDS, type BatchKind, type BatchStatements, type Row } from './batch-statements.ts';

export interface Body {
  readonly kind: 'body';
  readonly params: readonly SqlValue[];
}
export type Step =
  | { readonly kind: 'command'; readonly command: Command; readonly apart: boolean }
  | {
      readonly kind: 'usage';
      readonly project: string;
      readonly domain: string;
      readonly width: number;
      readonly start: number;
      readonly count: number;
    }
  | {
      readonly kind: 'traffic';
      readonly project: string;
      readonly domain: string;
      readonly start: number;
      readonly counts: readonly number[];
    }
  | { readonly kind: BatchKind; readonly row: Row }
  | Body;

export interface Recorded {
  readonly steps: readonly Step[];
  readonly bytes: number;
  /** The days whose partitions are written to. */
  readonly days: readonly number[];
  readonly directory: boolean;
  readonly hasEvents: boolean;
  /** Monotonic ms by which it is answered. */
  readonly deadline: number;
}
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly foreign?: string;
  /** The statement matched fewer rows than it must. */
  readonly stale: (result: QueryResult) => boolean;
}

interface Stage {
  readonly rows: Map<BatchKind, Row[]>;
  readonly keys: Set<string>;
  readonly bodies: Body[];
  readonly apart: Command[];
  readonly commands: Command[];
}
const newStage = (): Stage => ({ rows: new Map(), keys: new Set(), bodies: [], apart: [], commands: [] });
const never = () => false;

export const INSERT_BODY =
  'INSERT INTO message_body (project_id, message_id, part, prefix, data, reading, drop_day) VALUES ($1, $2, $3, $4, $5, $6, $7)';

function stagesOf(items: readonly Recorded[], batch: BatchStatements): Stage[] {
  const stages: Stage[] = [newStage()];
  let stage = stages[0]!;
  function next(): void {
    stage = newStage();
    stages.push(stage);
  }
  for (const { steps } of items)
    for (const step of steps) {
      if (step.kind === 'usage' || step.kind === 'traffic') continue;
      if (step.kind === 'command' && !step.apart) {
        stage.commands.push(step.command);
        continue;
      }
      if (stage.commands.length > 0) next();
      if (step.kind === 'command') stage.apart.push(step.command);
      else if (step.kind === 'body') stage.bodies.push(step);
      else {
        const key = batch[step.kind].keyOf?.(step.row);
        if (key !== undefined && stage.keys.has(key)) next();
        if (key !== undefined) stage.keys.add(key);
        const rows = stage.rows.get(step.kind);
        if (rows === undefined) stage.rows.set(step.kind, [step.row]);
        else rows.push(step.row);
      }
    }
  return stages;
}

/** PostgreSQL's text form of an array. */
function arrayOf(rows: readonly Row[], column: number): string {
  let text = '{';
  for (let i = 0; i < rows.length; i += 1) {
    const value = rows[i]![column];
    if (i > 0) text += ',';
    if (value === null || value === undefined) text += 'NULL';
    else if (typeof value === 'number') text += value;
    else {
      const cell = storable(String(value));
      text += `"${/[\\"]/.test(cell) ? cell.replace(/[\\"]/g, '\\$&') : cell}"`;
    }
  }
  return `${text}}`;
}
/** TEXT can store every character except U+0000. */
function storable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\u{fffd}') : text;
}
function commandStatement({ sql, params, must, foreign }: Command): Statement {
  return {
    text: sql,
    values: params.map((value) => (typeof value === 'string' ? storable(value) : value)),
    ...(foreign === undefined ? {} : { foreign }),
    stale: must === true ? (result) => result.rowCount === 0 : never,
  };
}

/** The statements for these transactions, in order, without usage. */
export function plan(items: readonly Recorded[], batch: BatchStatements): Statement[] {
  const statements: Statement[] = [];
  for (const stage of stagesOf(items, batch)) {
    statements.push(...stage.apart.map(commandStatement));
    for (const { params } of stage.bodies)
      statements.push({ text: INSERT_BODY, values: params, stale: never });
    for (const kind of BATCH_KINDS) {
      const rows = stage.rows.get(kind);
      if (rows === undefined) continue;
      const { text, columns, scalars, must, changed } = batch[kind];
      statements.push({
        text,
        values: [...Array.from({ length: columns }, (_, i) => arrayOf(rows, i)), ...scalars],
        stale: must ? (result) => changed(result) < rows.length : never,
      });
    }
    statements.push(...stage.commands.map(commandStatement));
  }
  return statements;
}

const ADD_USAGE = `INSERT INTO usage (project_id, domain_id, width, start, count)
  SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[])
  ON CONFLICT (project_id, domain_id, width, start) DO UPDATE SET count = usage.count + excluded.count`;
const COUNTS = TRAFFIC_KINDS.join(', ');
const ADD_TRAFFIC = `INSERT INTO traffic (project_id, start, domain_id, ${COUNTS}, width, part)
  SELECT i.*, ${WIDTHS.minute}, $${4 + TRAFFIC_KINDS.length}::int8 FROM unnest($1::text[], $2::int8[], $3::text[], ${TRAFFIC_KINDS.map((_, i) => `$${i + 4}::int8[]`).join(', ')}) AS i
  ON CONFLICT (project_id, width, start, domain_id, part) DO UPDATE SET ${TRAFFIC_KINDS.map((kind) => `${kind} = traffic.${kind} + excluded.${kind}`).join(', ')}`;
const BUMP = `INSERT INTO meta (key, value) VALUES ('directory', 1) ON CONFLICT (key) DO UPDATE SET value = meta.value + 1`;
export const DIRECTORY_CHANNEL = 'hikyaku_directory';

/** Rows of traffic in the order of their key, summed. */
function trafficOf(items: readonly Recorded[]): Row[] {
  const sums = new Map<string, { project: string; start: number; domain: string; counts: number[] }>();
  for (const { steps } of items)
    for (const step of steps) {
      if (step.kind !== 'traffic') continue;
      const { project, start, domain, counts } = step;
      const key = `${project} ${String(start).padStart(12, '0')} ${domain}`;
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, { project, start, domain, counts: [...counts] });
      else
        counts.forEach((count, i) => {
          sum.counts[i]! += count;
        });
    }
  return [...sums.keys()].sort().map((key) => {
    const { project, start, domain, counts } = sums.get(key)!;
    return [project, start, domain, ...counts];
  });
}
/**
 * What all of them add to rows that other writers change, too. It comes last, so the locks are held for the
 * shortest time; it is summed and in the order of the key, so two writers never deadlock. For traffic each
 * writer has its own rows: `part`.
 */
export function sharedRows(items: readonly Recorded[], part: number): Statement[] {
  const sums = new Map<string, SqlValue[]>();
  for (const { steps } of items)
    for (const step of steps) {
      if (step.kind !== 'usage') continue;
      const key = `${step.project} ${step.domain} ${step.width} ${String(step.start).padStart(12, '0')}`;
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, [step.project, step.domain, step.width, step.start, step.count]);
      else sum[4] = Number(sum[4]) + step.count;
    }
  const statements: Statement[] = [];
  if (sums.size > 0) {
    const rows = [...sums.keys()].sort().map((key) => sums.get(key)!);
    const values = [0, 1, 2, 3, 4].map((column) => arrayOf(rows, column));
    statements.push({ text: ADD_USAGE, values, stale: never });
  }
  const traffic = trafficOf(items);
  if (traffic.length > 0) {
    const values = Array.from({ length: 3 + TRAFFIC_KINDS.length }, (_, column) => arrayOf(traffic, column));
    statements.push({ text: ADD_TRAFFIC, values: [...values, part], stale: never });
  }
  if (items.some(({ directory }) => directory)) {
    statements.push({ text: BUMP, values: [], stale: never });
    statements.push({ text: `SELECT pg_notify('${DIRECTORY_CHANNEL}', '')`, values: [], stale: never });
  }
  return statements;
}
