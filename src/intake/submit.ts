/**
 * `send_message`: turns the caller's fields into an accepted message, by the same rules as SMTP submission.
 * Resolves after the commit, or with a refusal, which the API puts into words. Throws only unexpected errors.
 */
import type { DomainReader } from '../domains/mta-domains.ts';
import type { Principal } from '../iam/projects.ts';
import type { Limiter } from '../limits/limiter.ts';
import { DEFAULT_SENDING, type LimitReader } from '../limits/usage.ts';
import { type Address, parseMailbox } from '../mail/address.ts';
import { type ComposeInput, compose, FieldError } from '../mail/compose.ts';
import type { RuleReader } from '../rules/rules.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DomainId, MessageId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import { StoreError } from '../runtime/transactor.ts';
import type { Turnstile } from '../runtime/turnstile.ts';
import { SUBMISSION_SIZE_LIMIT } from './limits.ts';
import { checkSender, missingSendOperation, planOutgoing, prepareOutgoing } from './outgoing.ts';
import type { Intake, IntakeTx } from './planned.ts';
import { createReachable, type Leaves, type Unreachable } from './reachable.ts';
import type { SendRefusal } from './send-refusal.ts';
import { receivedField } from './trace.ts';

export interface SubmitDeps {
  readonly read: DomainReader & RuleReader & LimitReader;
  readonly leaves: Leaves;
  readonly intake: Intake;
  readonly limiter: Limiter;
  readonly turnstile: Pick<Turnstile, 'start'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
  readonly hasSpace: () => boolean;
}
/** Why a message is not accepted. `field` is the JSON path below the arguments. */
export type SubmitRefusal =
  | SendRefusal
  | { readonly kind: 'domain-unknown' }
  | { readonly kind: 'field-invalid'; readonly field: string; readonly detail: string }
  | { readonly kind: 'recipient-unreachable'; readonly field: string; readonly why: Unreachable }
  | { readonly kind: 'too-large'; readonly octets: number }
  /** The envelope sender is in another domain than the sending domain. */
  | { readonly kind: 'sender-elsewhere'; readonly field: string; readonly domain: string }
  | {
      readonly kind: 'over-limit';
      readonly limit: number;
      readonly window: string;
      readonly retryAfterSeconds: number;
    }
  | { readonly kind: 'disk-full' }
  /** `retryable`: the same request may succeed later. */
  | { readonly kind: 'not-stored'; readonly retryable: boolean; readonly full: boolean };
export interface Submitted {
  readonly kind: 'accepted';
  readonly id: string;
  readonly messageIdHeader: string;
  readonly recipients: readonly { readonly id: string; readonly address: string; readonly state: string }[];
}
/** `also`: what else belongs in the accepting commit. */
export type Submit = (
  principal: Principal,
  domainId: DomainId,
  input: SubmitInput,
  also?: (tx: IntakeTx, accepted: Submitted) => void,
) => Promise<Submitted | { readonly kind: 'refused'; readonly refusal: SubmitRefusal }>;

const refused = (refusal: SubmitRefusal) => ({ kind: 'refused', refusal }) as const;

export interface SubmitInput extends ComposeInput {
  readonly priority?: 'high' | 'normal';
}

export function createSubmit(deps: SubmitDeps): Submit {
  return async (principal, domainId, input, also) => {
    using _ = await deps.turnstile.start(principal.projectId);
    const operation = missingSendOperation(principal);
    if (operation !== null) return refused({ kind: 'missing-operation', operation });
    const domain = await deps.read.domain(principal.projectId, domainId);
    if (domain === null) return refused({ kind: 'domain-unknown' });
    if (!deps.hasSpace()) return refused({ kind: 'disk-full' });
    const composed = tryCompose(deps, input, domain.name);
    if ('kind' in composed) return refused(composed);
    const { raw, envelope, utf8 } = composed;
    if (raw.length > SUBMISSION_SIZE_LIMIT) return refused({ kind: 'too-large', octets: raw.length });
    if (envelope.from.domain !== domain.name) {
      const field = input.sender === undefined ? 'arguments.from[0]' : 'arguments.sender';
      return refused({ kind: 'sender-elsewhere', field, domain: domain.name });
    }
    const sender = await checkSender(deps.read, principal, envelope.from.wire);
    if (!sender.ok) return refused(sender.refusal);
    const reachable = createReachable(deps, principal.projectId);
    for (const recipient of envelope.recipients) {
      const why = await reachable(recipient);
      if (why !== null)
        return refused({ kind: 'recipient-unreachable', field: argumentOf(input, recipient), why });
    }
    const prepared = await prepareOutgoing(
      deps.read,
      principal,
      domain,
      { message: raw, smtputf8: utf8, longLine: false },
      deps,
    );
    if (!prepared.ok) return refused(prepared.refusal);
    const reserved = await deps.limiter.reserve(
      principal.projectId,
      domain.id,
      domain,
      envelope.recipients.length,
    );
    const { overLimit } = (await deps.read.sendingSettings(principal.projectId)) ?? DEFAULT_SENDING;
    if (reserved.kind === 'over' && overLimit === 'reject') {
      await reserved.tell();
      return refused({
        kind: 'over-limit',
        limit: reserved.limit,
        window: reserved.window,
        retryAfterSeconds: reserved.retryAfterSeconds,
      });
    }
    // Committed before the mail that it tells of; nothing waits for it.
    if (reserved.kind === 'over') void reserved.tell();
    const held =
      reserved.kind === 'over'
        ? {
            until: deps.clock.now() + reserved.retryAfterSeconds * 1000,
            cause: `over the sending limit of ${reserved.limit} recipients per ${reserved.window}`,
          }
        : null;
    const id: MessageId = deps.random.id();
    try {
      const planned = await planOutgoing(
        deps.read,
        {
          id,
          principal,
          domain,
          source: 'api',
          mailFrom: envelope.from,
          recipients: envelope.recipients.map((address) => ({ address, dsn: { notify: ['NEVER'] }, held })),
          message: prepared.value,
          received: receivedField({ by: deps.hostname, with: 'HTTP', tls: null, id, now: deps.clock.now() }),
          smtputf8: false,
          facts: input.priority === 'high' ? { priority: true } : {},
        },
        deps,
      );
      const accepted: Submitted = {
        kind: 'accepted',
        id,
        messageIdHeader: planned.message.messageIdHeader,
        recipients: planned.recipients.map((row) => ({ id: row.id, address: row.address, state: row.state })),
      };
      await deps.intake.send(planned, (tx) => {
        if (reserved.kind === 'ok') reserved.record(tx);
        also?.(tx, accepted);
      });
      return accepted;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return refused({ kind: 'not-stored', retryable: error.retryable, full: error.full });
    } finally {
      if (reserved.kind === 'ok') reserved.release();
    }
  };
}

/** The JSON path of a recipient; the first of several. */
function argumentOf(input: ComposeInput, { wire }: Address): string {
  for (const key of ['to', 'cc', 'bcc'] as const) {
    const index = (input[key] ?? []).findIndex((text) => parseMailbox(text)?.address.wire === wire);
    if (index !== -1) return `arguments.${key}[${index}]`;
  }
  return 'arguments.to';
}

function tryCompose(
  deps: SubmitDeps,
  input: ComposeInput,
  domain: string,
): ReturnType<typeof compose> | Extract<SubmitRefusal, { kind: 'field-invalid' }> {
  try {
    return compose(input, { now: deps.clock.now(), random: deps.random, messageIdDomain: domain });
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    return { kind: 'field-invalid', field: error.field, detail: error.message };
  }
}
