/** The metrics for Prometheus, on their own registry. Their names are part of the contract with operators. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  messagesAccepted(source: string): void;
  recipientSettled(outcome: 'delivered' | 'deferred' | 'bounced' | 'expired' | 'held' | 'cancelled'): void;
  /** The connection broke after the final dot: the mail may arrive twice. */
  ambiguousEnd(): void;
  hookDelivery(result: 'done' | 'retry' | 'dead'): void;
  groupCommit(info: { readonly ops: number; readonly ms: number }): void;
  /** A project had its maximum of running requests. */
  refusedInFlight(way: 'http' | 'smtp'): void;
  /** Rows that retention removed. */
  retentionRemoved(kind: string, count: number): void;
  /** Called at each scrape. */
  setQueueDepthSource(source: () => Promise<Readonly<Record<string, number>>>): void;
  /** Called at each scrape: the messages past their retention time that still exist. */
  setOverdueSource(source: () => Promise<{ readonly seconds: number; readonly messages: number }>): void;
  /** Called at each scrape: seconds since a commit last succeeded; null if none has. */
  setLastCommitSource(source: () => number | null): void;
  /** Figures of an embedded store's write-ahead log; called at each scrape. */
  setStoreLogSource(source: () => StoreLogFigures): void;
  /** Called at each scrape: how many of the operator's own records are wrong, by check. */
  setOwnRecordsSource(source: () => Readonly<Record<string, number>>): void;
  /** In the text exposition format. */
  render(): Promise<string>;
}

/** Frames are pages of the log. Frames from before the last restart of the log do not count. */
export interface StoreLogFigures {
  readonly octets: number;
  readonly frames: number;
  /** The number of these frames that are checkpointed. */
  readonly checkpointed: number;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const accepted = new Counter({
    name: 'hikyaku_messages_accepted_total',
    help: 'Messages accepted into the spool',
    labelNames: ['source'],
    registers,
  });
  const settled = {
    delivered: new Counter({
      name: 'hikyaku_recipients_delivered_total',
      help: 'Recipients delivered',
      registers,
    }),
    deferred: new Counter({
      name: 'hikyaku_recipients_deferred_total',
      help: 'Attempts that ended deferred',
      registers,
    }),
    bounced: new Counter({
      name: 'hikyaku_recipients_bounced_total',
      help: 'Recipients refused for good',
      registers,
    }),
    expired: new Counter({
      name: 'hikyaku_recipients_expired_total',
      help: 'Recipients given up',
      registers,
    }),
    held: new Counter({ name: 'hikyaku_recipients_held_total', help: 'Recipients held', registers }),
    cancelled: new Counter({
      name: 'hikyaku_recipients_cancelled_total',
      help: 'Recipients taken back',
      registers,
    }),
  };
  const ambiguous = new Counter({
    name: 'hikyaku_ambiguous_ends_total',
    help: 'Recipients whose link broke after the final dot: tried again, and perhaps delivered twice',
    registers,
  });
  const hooks = new Counter({
    name: 'hikyaku_hook_deliveries_total',
    help: 'Attempts to hand an event to a hook',
    labelNames: ['result'],
    registers,
  });
  const commitSeconds = new Histogram({
    name: 'hikyaku_group_commit_seconds',
    help: 'Time of one group commit',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1],
    registers,
  });
  const commitOps = new Histogram({
    name: 'hikyaku_group_commit_transactions',
    help: 'Transactions in one group commit',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200],
    registers,
  });
  const refused = new Counter({
    name: 'hikyaku_in_flight_refused_total',
    help: 'Requests and submitted messages refused since their project had its most in flight',
    labelNames: ['way'],
    registers,
  });
  for (const way of ['http', 'smtp']) refused.inc({ way }, 0);
  const removed = new Counter({
    name: 'hikyaku_retention_removed_total',
    help: 'Rows removed since their time was over',
    labelNames: ['kind'],
    registers,
  });
  const overdue: { read: () => Promise<{ seconds: number; messages: number }> } = {
    read: async () => ({ seconds: 0, messages: 0 }),
  };
  new Gauge({
    name: 'hikyaku_retention_due_messages',
    help: 'Messages whose time is over and that are still there, as far as they are counted (10,000)',
    registers,
    async collect() {
      this.set((await overdue.read()).messages);
    },
  });
  new Gauge({
    name: 'hikyaku_retention_behind_seconds',
    help: 'For how long the oldest message or event that is still there should have been gone',
    registers,
    async collect() {
      this.set((await overdue.read()).seconds);
    },
  });
  const source: { read: () => Promise<Readonly<Record<string, number>>> } = { read: async () => ({}) };
  new Gauge({
    name: 'hikyaku_queue_recipients',
    help: 'Recipients waiting',
    labelNames: ['state'],
    registers,
    async collect() {
      for (const [state, count] of Object.entries(await source.read())) this.set({ state }, count);
    },
  });
  return {
    messagesAccepted: (from) => accepted.inc({ source: from }),
    recipientSettled: (outcome) => settled[outcome].inc(),
    ambiguousEnd: () => ambiguous.inc(),
    hookDelivery: (result) => hooks.inc({ result }),
    groupCommit({ ops, ms }) {
      commitOps.observe(ops);
      commitSeconds.observe(ms / 1000);
    },
    refusedInFlight: (way) => refused.inc({ way }),
    retentionRemoved: (kind, count) => removed.inc({ kind }, count),
    setLastCommitSource(read) {
      new Gauge({
        name: 'hikyaku_last_commit_age_seconds',
        help: 'Time since the store last took a write; on an idle node it grows while nobody asks /readyz',
        registers,
        collect() {
          this.set(read() ?? 0);
        },
      });
    },
    setStoreLogSource(read) {
      new Gauge({
        name: 'hikyaku_store_wal_octets',
        help: "Size of the embedded store's write-ahead log",
        registers,
        collect() {
          this.set(read().octets);
        },
      });
      new Gauge({
        name: 'hikyaku_store_wal_frames',
        help: 'Pages in the write-ahead log: copied into the store, or not yet',
        labelNames: ['state'],
        registers,
        collect() {
          const { frames, checkpointed } = read();
          this.set({ state: 'checkpointed' }, checkpointed);
          this.set({ state: 'pending' }, frames - checkpointed);
        },
      });
    },
    setQueueDepthSource(read) {
      source.read = read;
    },
    setOwnRecordsSource(read) {
      new Gauge({
        name: 'hikyaku_own_records_wrong',
        help: "Records of the operator (DNS, certificate) that are missing or wrong, as of this node's last hourly check",
        labelNames: ['check'],
        registers,
        collect() {
          for (const [check, count] of Object.entries(read())) this.set({ check }, count);
        },
      });
    },
    setOverdueSource(read) {
      overdue.read = read;
    },
    render: () => registry.metrics(),
  };
}
