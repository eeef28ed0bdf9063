/**
 * Nodes that share one store. Each run of a node is a new member. Each waiting row names the member that
 * accepted it; a member serves its own rows and those of the members that it has taken over. A process with
 * an embedded store needs none of this.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Service } from '../runtime/lifecycle.ts';

/** What a member learns about the cluster. */
export interface ClusterListener {
  /** The rows of these members now belong to this one. */
  adopted(members: readonly string[]): void;
  /** Our last good beat is over 4 s old: running attempts must end, because another node may start them. */
  lost(): void;
  /** Beats succeed again. */
  found(): void;
  /** Another member declared this one dead: it may write nothing more. Only a new run can continue. */
  fenced(): void;
  /** The machine's clock jumped by so many ms; `Cluster.clock` was wrong by as much for a second. */
  clockCorrected(ms: number): void;
  /** Called now and then to read again what other nodes have changed. Rejections are logged. */
  refresh(): Promise<void>;
  /** Another member asks a question; the answer is JSON. */
  asked(question: unknown): Promise<unknown>;
}
export interface ClusterNode {
  readonly name: string;
  readonly id: string;
  readonly startedAt: number;
}
export interface Cluster extends Service {
  /** The id of this run. */
  readonly id: string;
  /** The members whose rows this member serves, its own first. */
  readonly owners: () => readonly string[];
  /** True if the last good beat is at most 4 s old: new attempts may begin. */
  readonly alive: () => boolean;
  /** The store's wall time, so that nodes with different clocks agree; timers use the machine's clock. */
  readonly clock: Clock;
  /** Members that send beats, including this one. */
  nodes(): readonly ClusterNode[];
  /** Call it before `start`. */
  listen(listener: ClusterListener): void;
  /** Asks all other members; returns the answers that come in time. */
  ask(question: unknown): Promise<readonly unknown[]>;
  /**
   * Whether this member may do the chore now: one member at a time has the chore until that member dies.
   * Rejects if the store does.
   */
  mayDo(chore: string): Promise<boolean>;
}
