/**
 * The store: the only place of durable data, for both engines. It implements the reader and transaction
 * interfaces that other modules declare. Opening fails with StoreTooNew or StoreLocked.
 */
import type {
  DnsAccountExpectations,
  DnsAccountReader,
  DnsAccountTx,
} from '../domains/dns-providers/provider.ts';
import type { DomainExpectations, DomainReader, DomainTx } from '../domains/mta-domains.ts';
import type { EdjExpectations, EdjReader, EdjTx } from '../edj/topics.ts';
import type { AccessExpectations, PeopleReader, PeopleTx } from '../iam/people-records.ts';
import type { IamExpectations, IamReader, IamTx } from '../iam/projects.ts';
import type { AuditReader, AuditTx } from '../ledger/audit.ts';
import type { LedgerReader, LedgerTx } from '../ledger/tasks.ts';
import type { LimitReader, LimitTx, SettingsExpectations } from '../limits/usage.ts';
import type { RuleExpectations, RuleReader, RuleTx } from '../rules/rules.ts';
import type { Transactor } from '../runtime/transactor.ts';
import type { SecretKeyReader, SecretKeyTx } from '../sealed/secret-key.ts';
import type { SpoolReader, SpoolTx } from '../spool/messages.ts';
import type { Retention } from './retention.ts';

export type Expectations = IamExpectations &
  AccessExpectations &
  DomainExpectations &
  DnsAccountExpectations &
  RuleExpectations &
  EdjExpectations &
  SettingsExpectations;
export type StoreTx = IamTx &
  DomainTx &
  RuleTx &
  LimitTx &
  SpoolTx &
  EdjTx &
  LedgerTx &
  PeopleTx &
  AuditTx &
  DnsAccountTx &
  SecretKeyTx &
  Expectations;
export type StoreReader = IamReader &
  DomainReader &
  RuleReader &
  LimitReader &
  SpoolReader &
  EdjReader &
  LedgerReader &
  PeopleReader &
  AuditReader &
  DnsAccountReader &
  SecretKeyReader;

export interface Store extends Transactor<StoreTx>, Retention, AsyncDisposable {
  readonly read: StoreReader;
  /** The schema version of the store. */
  readonly version: number;
  /** A small commit, ahead of what nobody waits for: resolves once it is on disk. Rejects like `transact`. */
  probe(): Promise<void>;
}
/** The state of a store, as a reader sees it that changes nothing. */
export type StoreLook =
  /** There is no store yet. */
  | { readonly kind: 'none' }
  /** The file or database does not have our schema. */
  | { readonly kind: 'empty' }
  | {
      readonly kind: 'there';
      readonly version: number;
      /** The version that this program migrates it to. */
      readonly ours: number;
      /** Rows are being moved into a new form, or the move was interrupted. */
      readonly moving: boolean;
      /** The check value of the secret key (sealed/secret-key.ts); null if there is none yet. */
      readonly keyCheck: number | null;
      /** The check value of the new key while a replacement of the secret key is unfinished. */
      readonly replacement: number | null;
      /** The whole store was checked for damage. */
      readonly lookedThrough: boolean;
    };
/** A newer program last wrote the store, and this program cannot use its schema. */
export class StoreTooNew extends Error {
  override name = 'StoreTooNew';
  readonly oldestCompatible: number;
  readonly ours: number;
  constructor(oldestCompatible: number, ours: number) {
    super(
      `the store needs schema version ${oldestCompatible} or above; this program knows version ${ours}: use a newer program`,
    );
    this.oldestCompatible = oldestCompatible;
    this.ours = ours;
  }
}
/** Another process serves this store. */
export class StoreLocked extends Error {
  override name = 'StoreLocked';
  constructor(directory: string, help = ': stop that process, or wait until it is done') {
    super(`the store in ${directory} is in use by another process${help}`);
  }
}
/** The store has the schema of an older version, and the caller may not migrate it. */
export class StoreOutdated extends Error {
  override name = 'StoreOutdated';
  constructor(directory: string) {
    super(
      `the store in ${directory} has the schema of an older version: take a backup, then start the service or run \`hikyaku migrate\``,
    );
  }
}
/** A backup cannot be made or restored; the message says why and what would help. */
export class BackupError extends Error {
  override name = 'BackupError';
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}
