/** What the API needs of the service; wired in service.ts. */

import type { Resources } from '../contract/resources/index.ts';
import type { DeadSite } from '../delivery/attempt.ts';
import type { Operate } from '../delivery/operate.ts';
import type { LaneView } from '../delivery/scheduler.ts';
import type { ClaimResult } from '../domains/claims.ts';
import type { AutomaticDns } from '../domains/dns-providers/automatic.ts';
import type {
  DnsAccountExpectations,
  DnsAccountReader,
  DnsAccountTx,
} from '../domains/dns-providers/provider.ts';
import type { DnsExpectations } from '../domains/dns-records.ts';
import type { DomainExpectations, DomainReader, DomainTx, MtaDomain } from '../domains/mta-domains.ts';
import type { OperatorStanding } from '../domains/operator-keeper.ts';
import type { CancelQueued } from '../domains/removal.ts';
import type { EventSignal } from '../edj/event-signal.ts';
import type { RenderedEvent, RenderOptions } from '../edj/render-event.ts';
import type { Samples } from '../edj/samples.ts';
import type { EdjExpectations, EdjReader, EdjTx, EventRow } from '../edj/topics.ts';
import type { Attempts } from '../iam/attempts.ts';
import type { Authenticator } from '../iam/authenticate.ts';
import type { AccessExpectations, PeopleReader, PeopleTx } from '../iam/people-records.ts';
import type { IamExpectations, IamReader, IamTx, OwnedDomain } from '../iam/projects.ts';
import type { Letter } from '../intake/letters.ts';
import type { IntakeTx } from '../intake/planned.ts';
import type { Submit } from '../intake/submit.ts';
import type { AuditReader, AuditTx } from '../ledger/audit.ts';
import type { LedgerReader, LedgerTx } from '../ledger/tasks.ts';
import type { Limiter } from '../limits/limiter.ts';
import type { LimitReader, LimitTx, ProjectLimits, SettingsExpectations } from '../limits/usage.ts';
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { RuleExpectations, RuleReader, RuleTx } from '../rules/rules.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DomainId, ProjectId, RecipientId } from '../runtime/ids.ts';
import type { InFlight } from '../runtime/in-flight.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Notices } from '../runtime/notices.ts';
import type { Random } from '../runtime/random.ts';
import type { NotReady } from '../runtime/readiness.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Transactor } from '../runtime/transactor.ts';
import type { Turnstile } from '../runtime/turnstile.ts';
import type { LanePage, Queue, SpoolReader, SpoolTx, StoredMessage } from '../spool/messages.ts';

import type { Connect } from './connect.ts';

/** Conditions for `If-Match` (api/etag.ts). */
type Expectations = IamExpectations &
  AccessExpectations &
  DomainExpectations &
  DnsAccountExpectations &
  RuleExpectations &
  EdjExpectations &
  SettingsExpectations;
export type ApiTx = IamTx &
  DomainTx &
  RuleTx &
  LimitTx &
  SpoolTx &
  EdjTx &
  LedgerTx &
  PeopleTx &
  AuditTx &
  DnsAccountTx &
  Expectations;
/** The state of retention: what is due for removal, and the last round. Times are wall ms. */
export interface RetentionStanding {
  readonly due: number;
  readonly behindSince: number | null;
  readonly late: boolean;
  readonly round: {
    readonly startedAt: number;
    readonly endedAt: number | null;
    readonly failed: boolean;
    readonly removed: NonNullable<Resources['Retention']['round']>['removed'];
  } | null;
}
export interface ApiDeps {
  readonly read: IamReader &
    DomainReader &
    RuleReader &
    LimitReader &
    SpoolReader &
    EdjReader &
    LedgerReader &
    PeopleReader &
    AuditReader &
    DnsAccountReader;
  readonly transactor: Transactor<ApiTx>;
  readonly authenticator: Authenticator;
  readonly attempts: Attempts;
  /** The issuer that apps for one-time codes show. */
  readonly issuer: string;
  readonly limiter: Limiter;
  /** Limits of projects without limits of their own. */
  readonly limitDefaults: ProjectLimits;
  readonly projectEvents: PrepareProjectEvents<Pick<EdjTx, 'insertEvent'>>;
  /** Accepts a mail of the instance itself for sending, and runs `also` in the same commit. */
  readonly acceptLetter: (letter: Letter, also: (tx: ApiTx & IntakeTx) => void) => Promise<void>;
  /** The instance has a public host name, so it can send mail of its own. */
  readonly writesMail: boolean;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly notices: Notices;
  /** SMTP uses the same turnstile. */
  readonly turnstile: Pick<Turnstile, 'turn'>;
  readonly inFlight: InFlight;
  readonly retention: () => Promise<RetentionStanding>;
  /** What is known about the operator's own records. */
  readonly ownRecords: () => Promise<OperatorStanding>;
  readonly metrics: Metrics;
  /**
   * Prefix of `self` URLs, without trailing slash. A function, because the real port for port 0 is known only
   * later.
   */
  readonly publicUrl: () => string;
  /** Where programs and mail clients connect to send. A function for the same reason. */
  readonly connect: () => Connect;
  readonly dns: DnsExpectations;
  readonly eventSignal: EventSignal;
  /** Reports that events were committed to these topics. */
  readonly published: (project: EventRow['projectId'], topics: readonly EventRow['topicId'][]) => void;
  /**
   * The JSON of an event. `shown`, if given, reads its message. Rejects with MessageGone, or with the signal's
   * reason.
   */
  readonly renderEvent: (
    event: EventRow,
    options: RenderOptions,
    signal?: AbortSignal,
    shown?: SpoolReader['shown'],
  ) => Promise<RenderedEvent>;
  readonly samples: Samples;
  /** The message as it is shown: prefix and raw message, without forged results. */
  readonly shown: (message: StoredMessage) => Buffer;
  readonly checkDomain: (project: ProjectId, id: DomainId) => Promise<MtaDomain | null>;
  /** Reports a change of the domain: it is checked soon, in the background. */
  readonly domainChanged: (project: ProjectId, id: DomainId) => void;
  /** Cancels the queued mail of a removed domain, in the background. */
  readonly cancelQueued: CancelQueued;
  /** Asks DNS, and stores the result. */
  readonly verifyOwnership: (owned: OwnedDomain) => Promise<ClaimResult>;
  readonly automaticDns: AutomaticDns;
  /** Targets that customers choose may be private addresses and use plain HTTP. */
  readonly allowPrivateTargets: boolean;
  readonly submit: Submit;
  readonly operate: Operate;
  /** Reports higher limits of the project or of one of its domains: held mail may be sent. */
  readonly limitsRaised: (project: ProjectId) => void;
  readonly queue: {
    page(project: ProjectId, page: LanePage): Promise<Queue<LaneView>>;
    dead(): readonly DeadSite[];
    /** Whether an attempt for the recipient is running. */
    isActive(recipient: RecipientId): boolean;
  };
  /** The reason why the service is not ready; null: it is ready. */
  readonly notReady: () => Promise<NotReady | null> | NotReady | null;
}
