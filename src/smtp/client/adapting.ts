/**
 * A transaction with a server that lacks what the message needs (RFC 6152 §3, RFC 6531 §3.2): the message is converted
 * before a word is said of it. Recipients whose own addresses need SMTPUTF8 go apart: another host may offer it.
 */
import { isAscii } from 'node:buffer';
import {
  type Adapted,
  type Capabilities,
  type Dialogue,
  type Lacks,
  LinkFault,
  type OutgoingTransaction,
  type Past,
  sendMail,
  type TransactionResult,
} from './dialogue.ts';
import { APART, deferred, type Verdict } from './verdicts.ts';

const NEEDS_SMTPUTF8: Verdict = {
  kind: 'bounced',
  reply: null,
  cause: 'the address needs SMTPUTF8, and the server does not offer it',
  status: '5.6.7',
};

/** One mail transaction, as `sendMail`. */
export function* sendAdapted(
  mail: OutgoingTransaction,
  capabilities: Capabilities,
  past: Past,
): Dialogue<TransactionResult> {
  const { dirty } = past;
  const lacks: Lacks = {
    eightBit: mail.eightBit && !capabilities.eightBitMime,
    smtputf8: mail.smtputf8 && !capabilities.smtputf8,
  };
  const able = mail.recipients.map((address) => !lacks.smtputf8 || isPlain(address));
  const hopeless = lacks.smtputf8 && (!isPlain(mail.mailFrom) || !able.includes(true));
  if ((!lacks.eightBit && !lacks.smtputf8) || mail.adapt === undefined || hopeless)
    return yield* sendMail(mail, capabilities, past);
  let adapted: Adapted;
  try {
    adapted = yield* askToAdapt(mail.adapt, lacks);
  } catch (error) {
    if (!(error instanceof LinkFault)) throw error;
    const verdict = deferred(error.reply, error.message);
    const verdicts = mail.recipients.map(() => verdict);
    // A link that is gone says nothing of this mail; what fails on this side fails with the next link, too.
    return { verdicts, reusable: false, dirty, untouched: error.what !== 'content' };
  }
  if (adapted.kind === 'refused') {
    const { status, cause } = adapted;
    const refusal: Verdict = { kind: 'bounced', reply: null, status, cause };
    const verdicts = able.map((is) => (is ? refusal : NEEDS_SMTPUTF8));
    return { verdicts, reusable: true, dirty, untouched: false, lacks: true };
  }
  const { size, content, converted } = adapted;
  const { dsn } = mail;
  const result = yield* sendMail(
    {
      ...mail,
      recipients: mail.recipients.filter((_, i) => able[i]),
      ...(dsn && { dsn: { ...dsn, recipients: dsn.recipients.filter((_, i) => able[i]) } }),
      size,
      content,
      eightBit: mail.eightBit && !lacks.eightBit,
      smtputf8: mail.smtputf8 && !lacks.smtputf8,
    },
    capabilities,
    past,
  );
  const verdicts = result.verdicts
    .map((verdict) => (verdict.kind === 'delivered' ? { ...verdict, converted } : verdict))
    .values();
  const other = result.lacks ? NEEDS_SMTPUTF8 : deferred(null, APART);
  return { ...result, verdicts: able.map((is) => (is ? verdicts.next().value! : other)) };
}

const isPlain = (address: string) => isAscii(Buffer.from(address));

function* askToAdapt(adapt: NonNullable<OutgoingTransaction['adapt']>, lacks: Lacks): Dialogue<Adapted> {
  const answer = yield { kind: 'adapt', make: () => adapt(lacks) };
  if (answer.kind !== 'adapted') throw new LinkFault('protocol', 'no message');
  return answer.adapted;
}
