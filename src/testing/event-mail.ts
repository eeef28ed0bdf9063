/**
 * For tests: what the dispatcher needs to send events as mail, on a real store: the real intake, limits and planning. The
 * queue keeps what it is given, and sends nothing.
 */
import { outcomeOfReply } from '../delivery/outcome.ts';
import { DEFAULT_RETRY, prepareSettle } from '../delivery/settle.ts';
import { isHosted } from '../domains/mta-domains.ts';
import { type EventMailDeps, MAIL_WINDOW_MS } from '../edj/event-mail.ts';
import { createEventTrace } from '../edj/event-trace.ts';
import { createIntake } from '../intake/accept.ts';
import { createEventMail } from '../intake/event-mail.ts';
import { createHostedPlanner } from '../intake/hosted.ts';
import { SUBMISSION_SIZE_LIMIT } from '../intake/limits.ts';
import { createTellExceeded } from '../limits/alerts.ts';
import { createLimiter } from '../limits/limiter.ts';
import type { Domain } from '../mail/domain.ts';
import type { Reader } from '../reading/reader.ts';
import type { Clock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createMetrics } from '../runtime/metrics.ts';
import type { Random } from '../runtime/random.ts';
import { createTally } from '../runtime/rates.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { RecipientRow, StoredMessage } from '../spool/messages.ts';
import type { Store } from '../store/store.ts';
import { turnsFor } from './turns.ts';

export interface Queued {
  readonly message: StoredMessage;
  readonly rows: readonly RecipientRow[];
}
export interface EventMailRig {
  readonly mail: EventMailDeps;
  /** What the queue was given. */
  readonly queued: readonly Queued[];
}
export function createEventMailRig(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
  readonly readMail: Reader;
}): EventMailRig {
  const { store, clock, random, readMail } = deps;
  const { read } = store;
  const hostname = 'mx.hikyaku.test';
  const queued: Queued[] = [];
  const intake = createIntake({
    ...{ read, readMail, clock, random, transactor: store, metrics: createMetrics() },
    planHosted: createHostedPlanner({ read, clock, random, hostname }),
    async isHosted(name) {
      const domain = await read.findDomain(name as Domain);
      return domain !== null && isHosted(domain);
    },
    async prepareSettle(message) {
      const more = { read, clock, random, retry: DEFAULT_RETRY, timeIsTrusted: () => true };
      const settlement = await prepareSettle(message, more);
      return {
        record: (tx, { row, reply }) => settlement.record(tx, { row, outcome: outcomeOfReply(reply) }),
        committed() {},
      };
    },
    published() {},
    enqueue: (message, rows) => void queued.push({ message, rows }),
  });
  const noticed = () => {};
  const tellExceeded = createTellExceeded({ transactor: store, clock, logger: silentLogger, noticed });
  return {
    queued,
    mail: {
      trace: createEventTrace(deps.sealer),
      sizeLimit: SUBMISSION_SIZE_LIMIT,
      sent: createTally(clock, MAIL_WINDOW_MS),
      async original(project, id) {
        const message = await read.message(project, id);
        return message === null ? null : Buffer.concat([message.prefix, message.raw]);
      },
      handOver: createEventMail({
        ...{ read, intake, clock, random, hostname, ...turnsFor(clock) },
        limiter: createLimiter({
          ...{ reader: read, clock, tellExceeded, noticed },
          defaults: { perMinute: 1_000, perDay: 10_000 },
        }),
        leaves: async () => true,
        hasSpace: () => true,
      }),
    },
  };
}
