/**
 * Records the writes of a transaction's callback. Invariant: it records only while a callback runs; a
 * callback that throws has recorded nothing.
 */
import type { Command, Push, SqlValue } from '../command.ts';
import type { BatchKind, Row } from './batch-statements.ts';
import type { Recorded, Step } from './plan.ts';

/** The weight of a step in octets, in addition to its long values. */
const STEP_BYTES = 256;

export interface Recorder {
  /** For the control plane: nothing of the hot path overtakes it. */
  readonly push: Push;
  /** The same, for writes that change the directory. */
  readonly pushDirectory: Push;
  /** For tables that nothing of the hot path touches. */
  readonly pushApart: Push;
  hot(kind: BatchKind, row: Row): void;
  body(params: readonly SqlValue[], dropDay: number): void;
  usage(project: string, domain: string, width: number, start: number, count: number): void;
  traffic(project: string, domain: string, start: number, counts: readonly number[]): void;
  /** Where this transaction has stored a message's octets, by the message's id. */
  readonly bodies: Map<string, number>;
  day(dropDay: number): void;
  /** null if nothing was recorded. */
  record(callback: () => void, deadline: number): Recorded | null;
}

interface Recording {
  readonly steps: Step[];
  readonly days: Set<number>;
  readonly bodies: Map<string, number>;
  bytes: number;
  directory: boolean;
  hasEvents: boolean;
}
export function createRecorder(): Recorder {
  const state = { current: null as Recording | null };
  function current(): Recording {
    if (state.current === null) throw new Error('a transaction records only during its callback');
    return state.current;
  }
  function note(step: Step, values: readonly SqlValue[]): void {
    const recording = current();
    recording.steps.push(step);
    recording.bytes += STEP_BYTES;
    for (const value of values) {
      if (typeof value === 'string' || value instanceof Uint8Array) recording.bytes += value.length;
    }
  }
  const pushWith = (apart: boolean) => (command: Command) =>
    note({ kind: 'command', command, apart }, command.params);
  const push = pushWith(false);
  return {
    push,
    pushApart: pushWith(true),
    pushDirectory(command) {
      push(command);
      current().directory = true;
    },
    hot(kind, row) {
      note({ kind, row }, row);
      if (kind === 'event') current().hasEvents = true;
    },
    body(params, dropDay) {
      note({ kind: 'body', params }, params);
      current().days.add(dropDay);
    },
    usage(project, domain, width, start, count) {
      note({ kind: 'usage', project, domain, width, start, count }, []);
    },
    traffic(project, domain, start, counts) {
      note({ kind: 'traffic', project, domain, start, counts }, []);
    },
    get bodies() {
      return current().bodies;
    },
    day(dropDay) {
      current().days.add(dropDay);
    },
    record(callback, deadline) {
      const outer = state.current;
      const mine: Recording = {
        steps: [],
        days: new Set(),
        bodies: new Map(),
        bytes: 0,
        directory: false,
        hasEvents: false,
      };
      state.current = mine;
      try {
        callback();
      } finally {
        state.current = outer;
      }
      const { steps, days, bytes, directory, hasEvents } = mine;
      return steps.length === 0 ? null : { steps, days: [...days], bytes, directory, hasEvents, deadline };
    },
  };
}
