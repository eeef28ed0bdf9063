/** The problem for a message that `send_message` refuses. */

import { SUBMISSION_SIZE_LIMIT } from '../intake/limits.ts';
import { defectText, longLineText, octetsText, signatureText } from '../intake/send-refusal.ts';
import type { SubmitRefusal } from '../intake/submit.ts';
import { invalid, notFound, Problem } from './problems.ts';
import { storeProblem } from './store-problem.ts';

const retryAfter = (seconds: number) => ({ headers: { 'retry-after': String(seconds) } });
/** Freeing disk space takes an operator at least a minute. */
const LATER = retryAfter(60);

const UNREACHABLE = {
  'no-recipient': 'its domain is hosted here, and no receive rule takes it',
  sandbox:
    'mail of the sandbox stays on this machine: only hosted domains take it, and delivered@, bounce@ and defer@simulator.test',
} as const;

export function submitProblem(refusal: SubmitRefusal): Problem {
  switch (refusal.kind) {
    case 'missing-operation':
      return new Problem('operation-not-permitted', `the role lacks the operation ${refusal.operation}`);
    case 'domain-unknown':
      return notFound();
    case 'field-invalid':
      return new Problem('validation', refusal.detail, { field: refusal.field });
    case 'recipient-unreachable':
      return invalid(refusal.field, UNREACHABLE[refusal.why]);
    case 'too-large':
      return new Problem(
        'message-too-large',
        `the composed message has ${refusal.octets} octets; the maximum is ${SUBMISSION_SIZE_LIMIT}`,
      );
    case 'sender-elsewhere': {
      const { field, domain } = refusal;
      return new Problem('sender-domain', `${field} must be an address of ${domain}`, { field });
    }
    case 'sender-invalid':
      return new Problem('sender-invalid', 'the envelope sender is not a valid address');
    case 'sender-foreign':
      return new Problem('sender-domain', `${refusal.domain} is not set up in this project`);
    case 'author-missing':
    case 'author-several':
      return new Problem('author-invalid', 'exactly one From field is needed', { field: 'arguments.from' });
    case 'author-invalid':
      return new Problem('author-invalid', `${refusal.field} is not a list of mailboxes`, {
        field: argumentOf(refusal.field),
      });
    case 'author-foreign':
      return new Problem(
        'author-domain',
        `${refusal.domain} in ${refusal.field} is not set up in this project`,
        { field: argumentOf(refusal.field) },
      );
    case 'header-defect':
      return new Problem('header-invalid', defectText(refusal.defect), {
        field: argumentOf(refusal.defect.field),
      });
    case 'field-octets':
      return new Problem('header-invalid', octetsText(refusal), { field: argumentOf(refusal.field) });
    case 'line-too-long':
      return new Problem('header-invalid', longLineText(refusal), {
        field: refusal.field === undefined ? 'arguments.body' : argumentOf(refusal.field),
      });
    case 'signature':
      return new Problem('header-invalid', signatureText(refusal), { field: argumentOf(refusal.field) });
    case 'body-nul':
      return new Problem('header-invalid', 'the body holds NUL', { field: 'arguments.body' });
    case 'idempotency-key-invalid':
      return new Problem('header-invalid', 'the Idempotency-Key header field is not valid', {
        field: argumentOf('Idempotency-Key'),
      });
    case 'loop':
      return new Problem('loop', 'the message has passed through too many hosts');
    case 'over-limit':
      return new Problem(
        'limit-exceeded',
        `the limit of ${refusal.limit} recipients per ${refusal.window} is reached`,
        retryAfter(refusal.retryAfterSeconds),
      );
    case 'disk-full':
      return new Problem('insufficient-storage', 'the disk is nearly full', LATER);
    case 'not-stored':
      return storeProblem(refusal, 'the message could not be stored, try again later');
  }
}

/** The argument that a header field of the composed message came from. */
function argumentOf(field: string | undefined): string {
  if (field === 'From' || field === 'Sender') return `arguments.${field.toLowerCase()}`;
  return field === undefined ? 'arguments.additional_header' : `arguments.additional_header.${field}`;
}
