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
import type { CancelQueued } from '../domains/removal.ts';
import type { EventSignal } from '../edj/event-signal.ts';
import type { RenderedEvent, RenderOptions } from '../edj/render-event.ts';
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
import type { Sealer } from '../runtime/sealing.ts';
import type { Transactor } from '../runtime/transactor.ts';
import type { Turnstile } from '../runtime/turnstile.ts';
import type { LanePage, Queue, SpoolReader, SpoolTx, StoredMessage } from '../spool/messages.ts';

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
/** What is over, and what was done about it. Times are wall ms. */
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
  /** Who one-time codes are for, as their apps show it. */
  readonly issuer: string;
  readonly limiter: Limiter;
  /** Of projects without limits of their own. */
  readonly limitDefaults: ProjectLimits;
  readonly projectEvents: PrepareProjectEvents<Pick<EdjTx, 'insertEvent'>>;
  /** Takes a mail of the instance's own through the one door, and `also` in the same commit. */
  readonly acceptLetter: (letter: Letter, also: (tx: ApiTx & IntakeTx) => void) => Promise<void>;
  /** The instance has a name of the Internet, that its letters can come from. */
  readonly writesMail: boolean;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly notices: Notices;
  /** Those that SMTP has, too. */
  readonly turnstile: Pick<Turnstile, 'turn'>;
  readonly inFlight: InFlight;
  readonly retention: () => Promise<RetentionStanding>;
  readonly metrics: Metrics;
  /** Prefix of `self` URLs, without trailing slash; asked late, because port 0 is known only then. */
  readonly publicUrl: () => string;
  readonly dns: DnsExpectations;
  readonly eventSignal: EventSignal;
  /** Events were committed to these topics. */
  readonly published: (project: EventRow['projectId'], topics: readonly EventRow['topicId'][]) => void;
  /** Event JSON, its message read by `shown` where that is given; rejects with MessageGone, and with the signal's reason. */
  readonly renderEvent: (
    event: EventRow,
    options: RenderOptions,
    signal?: AbortSignal,
    shown?: SpoolReader['shown'],
  ) => Promise<RenderedEvent>;
  /** Prefix + raw as it is shown: forged results taken out. */
  readonly shown: (message: StoredMessage) => Buffer;
  readonly checkDomain: (project: ProjectId, id: DomainId) => Promise<MtaDomain | null>;
  /** It was changed: it is checked soon, in the background. */
  readonly domainChanged: (project: ProjectId, id: DomainId) => void;
  /** In the background: of a domain that is no more. */
  readonly cancelQueued: CancelQueued;
  /** Asks DNS, and writes down what it proves. */
  readonly verifyOwnership: (owned: OwnedDomain) => Promise<ClaimResult>;
  readonly automaticDns: AutomaticDns;
  /** Targets of a customer's choice may be private addresses and plain HTTP. */
  readonly allowPrivateTargets: boolean;
  readonly submit: Submit;
  readonly operate: Operate;
  /** Limits of the project, or of a domain of it, are higher: held mail may flow. */
  readonly limitsRaised: (project: ProjectId) => void;
  readonly queue: {
    page(project: ProjectId, page: LanePage): Promise<Queue<LaneView>>;
    dead(): readonly DeadSite[];
    /** It is being tried right now. */
    isActive(recipient: RecipientId): boolean;
  };
  /** What hinders serving, or null. */
  readonly notReady: () => string | null;
}
