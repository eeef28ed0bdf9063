/**
 * Nodes that share one store. Each run of a node is a member of its own; what waits names the member that accepted it,
 * and a member serves its own rows and those of the members it has taken over. Nothing here is needed where one process
 * serves an embedded store.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Service } from '../runtime/lifecycle.ts';

/** What a member hears of the cluster. */
export interface ClusterListener {
  /** Members whose rows are this one's from now on. */
  adopted(members: readonly string[]): void;
  /** Our last good beat is over 4 s old: whatever is being tried must end, for someone else may begin it. */
  lost(): void;
  /** Beats go through again. */
  found(): void;
  /** Another member took us for dead: nothing of ours may be written any more. Only a new run can go on. */
  fenced(): void;
  /** Now and then: what others have changed is read again. Rejections are logged. */
  refresh(): Promise<void>;
  /** Another member asks; the answer is JSON. */
  asked(question: unknown): Promise<unknown>;
}
export interface ClusterNode {
  readonly name: string;
  readonly id: string;
  readonly startedAt: number;
}
export interface Cluster extends Service {
  /** This run. */
  readonly id: string;
  /** Whose rows this member serves, its own first. */
  readonly owners: () => readonly string[];
  /** The last good beat is at most 4 s old: new attempts may begin. */
  readonly alive: () => boolean;
  /** Wall time of the store, so that nodes whose clocks differ agree; timers are the machine's own. */
  readonly clock: Clock;
  /** Members that beat, this one included. */
  nodes(): readonly ClusterNode[];
  /** Before `start`. */
  listen(listener: ClusterListener): void;
  /** Puts a question to all other members; the answers of those that gave one in time. */
  ask(question: unknown): Promise<readonly unknown[]>;
  /** Whether this member may do the chore now: one member at a time has it until it dies. Rejects where the store does. */
  mayDo(chore: string): Promise<boolean>;
}
