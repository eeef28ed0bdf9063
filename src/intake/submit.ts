/**
 * `send_message`: from the caller's fields to an accepted message, by the same rules as SMTP submission.
 * Resolves after the commit, or with a refusal worded as an RFC 9457 problem; throws only what is unexpected.
 */
import type { DomainReader } from '../domains/types.ts';
import type { Principal } from '../iam/types.ts';
import type { Limiter } from '../limits/limiter.ts';
import { DEFAULT_SENDING, type LimitReader } from '../limits/types.ts';
import { type ComposeInput, compose, FieldError } from '../mail/compose.ts';
import type { RuleReader } from '../rules/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DomainId, MessageId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import { StoreError } from '../runtime/transactor.ts';
import type { Turnstile } from '../runtime/turnstile.ts';
import { SUBMISSION_SIZE_LIMIT } from './limits.ts';
import { checkSender, missingSendOperation, planOutgoing, prepareOutgoing } from './outgoing.ts';
import type { Intake, IntakeTx } from './planned.ts';
import { defectText, type SendRefusal } from './send-refusal.ts';
import { receivedField } from './trace.ts';

export interface SubmitDeps {
  readonly read: DomainReader & RuleReader & LimitReader;
  readonly intake: Intake;
  readonly limiter: Limiter;
  readonly turnstile: Pick<Turnstile, 'start'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
  readonly hasSpace: () => boolean;
}
export interface SubmitRefusal {
  readonly kind: 'refused';
  readonly status: number;
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  /** JSON path of what is wrong */
  readonly field?: string;
  readonly retryAfterSeconds?: number;
}
export interface Submitted {
  readonly kind: 'accepted';
  readonly id: string;
  readonly messageIdHeader: string;
  readonly recipients: readonly { readonly id: string; readonly address: string; readonly state: string }[];
}
/** `also`: what else belongs into the accepting commit. */
export type Submit = (
  principal: Principal,
  domainId: DomainId,
  input: SubmitInput,
  also?: (tx: IntakeTx, accepted: Submitted) => void,
) => Promise<Submitted | SubmitRefusal>;

/** Whoever frees a disk needs a minute at least. */
const LATER = { retryAfterSeconds: 60 };
const problem = (
  status: number,
  type: string,
  title: string,
  detail: string,
  more: Partial<SubmitRefusal> = {},
): SubmitRefusal => ({
  kind: 'refused',
  status,
  type,
  title,
  detail,
  ...more,
});

export interface SubmitInput extends ComposeInput {
  readonly priority?: 'high' | 'normal';
}

export function createSubmit(deps: SubmitDeps): Submit {
  return async (principal, domainId, input, also) => {
    using _ = await deps.turnstile.start(principal.projectId);
    const operation = missingSendOperation(principal);
    if (operation !== null) {
      return problem(
        403,
        'operation-not-permitted',
        'Not permitted',
        `the role lacks the operation ${operation}`,
      );
    }
    const domain = await deps.read.domain(principal.projectId, domainId);
    if (domain === null) return problem(404, 'not-found', 'Not found', 'There is no such resource.');
    if (!deps.hasSpace())
      return problem(507, 'insufficient-storage', 'Insufficient storage', 'the disk is nearly full', LATER);
    const composed = tryCompose(deps, input, domain.name);
    if ('kind' in composed) return composed;
    const { raw, envelope } = composed;
    if (raw.length > SUBMISSION_SIZE_LIMIT) {
      return problem(
        413,
        'message-too-large',
        'Message too large',
        `the composed message has ${raw.length} octets, at most ${SUBMISSION_SIZE_LIMIT} are taken`,
      );
    }
    if (envelope.from.domain !== domain.name) {
      const field = input.sender === undefined ? 'arguments.from[0]' : 'arguments.sender';
      return problem(422, 'sender-domain', 'Sender domain', `${field} must be an address of ${domain.name}`, {
        field,
      });
    }
    const sender = await checkSender(deps.read, principal, envelope.from.wire);
    if (!sender.ok) return refusalProblem(sender.refusal);
    const prepared = await prepareOutgoing(
      deps.read,
      principal,
      domain,
      { message: raw, smtputf8: false },
      deps,
    );
    if (!prepared.ok) return refusalProblem(prepared.refusal);
    const reserved = await deps.limiter.reserve(
      principal.projectId,
      domain.id,
      domain,
      envelope.recipients.length,
    );
    const { overLimit } = (await deps.read.sendingSettings(principal.projectId)) ?? DEFAULT_SENDING;
    if (reserved.kind === 'over' && overLimit === 'reject') {
      await reserved.tell();
      return problem(
        429,
        'limit-exceeded',
        'Sending limit reached',
        `the limit of ${reserved.limit} recipients per ${reserved.window} is reached`,
        { retryAfterSeconds: reserved.retryAfterSeconds },
      );
    }
    // committed ahead of the mail it tells of: nothing waits for it
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
      if (reserved.kind === 'ok') reserved.keep();
      return accepted;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return error.retryable
        ? problem(
            507,
            'insufficient-storage',
            'Insufficient storage',
            'the message could not be stored, try again later',
            LATER,
          )
        : problem(
            503,
            'store-unavailable',
            'Store unavailable',
            'the store does not take writes, try again later',
          );
    } finally {
      if (reserved.kind === 'ok') reserved.release();
    }
  };
}

function tryCompose(
  deps: SubmitDeps,
  input: ComposeInput,
  domain: string,
): ReturnType<typeof compose> | SubmitRefusal {
  try {
    return compose(input, { now: deps.clock.now(), random: deps.random, messageIdDomain: domain });
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    return problem(400, 'validation', 'Validation failed', error.message, { field: error.field });
  }
}

function refusalProblem(refusal: SendRefusal): SubmitRefusal {
  switch (refusal.kind) {
    case 'missing-operation':
      return problem(
        403,
        'operation-not-permitted',
        'Not permitted',
        `the role lacks the operation ${refusal.operation}`,
      );
    case 'sender-invalid':
      return problem(422, 'sender-invalid', 'Sender invalid', 'the envelope sender is not a valid address');
    case 'sender-foreign':
      return problem(
        422,
        'sender-domain',
        'Sender domain',
        `${refusal.domain} is not set up in this project`,
      );
    case 'author-missing':
    case 'author-several':
      return problem(422, 'author-invalid', 'Author invalid', 'exactly one From field is needed', {
        field: 'arguments.from',
      });
    case 'author-invalid':
      return problem(422, 'author-invalid', 'Author invalid', `${refusal.field} is not a list of mailboxes`, {
        field: argumentOf(refusal.field),
      });
    case 'author-foreign':
      return problem(
        422,
        'author-domain',
        'Author domain',
        `${refusal.domain} in ${refusal.field} is not set up in this project`,
        {
          field: argumentOf(refusal.field),
        },
      );
    case 'header-defect':
      return problem(422, 'header-invalid', 'Header invalid', defectText(refusal.defect), {
        field: argumentOf(refusal.defect.field),
      });
    case 'body-nul':
      return problem(422, 'header-invalid', 'Header invalid', 'the body holds NUL', {
        field: 'arguments.body',
      });
    case 'idempotency-key-invalid':
      return problem(
        422,
        'header-invalid',
        'Header invalid',
        'the Idempotency-Key header field is not valid',
        {
          field: argumentOf('Idempotency-Key'),
        },
      );
    case 'loop':
      return problem(422, 'loop', 'Mail loop', 'the message has passed too many hosts');
  }
}

/** Where a field of the composed message came from. Those of a name of their own are written by us, and well. */
function argumentOf(field: string | undefined): string {
  if (field === 'From' || field === 'Sender') return `arguments.${field.toLowerCase()}`;
  return field === undefined ? 'arguments.additional_header' : `arguments.additional_header.${field}`;
}
