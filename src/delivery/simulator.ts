/** Mail of a sandbox project beyond its own machine: the simulator's four addresses answer, everything else is refused. Pure. */
import { bouncedHere, deliveredHere, type Outcome } from './outcome.ts';

const ANSWERS: Readonly<Record<string, Outcome>> = {
  delivered: deliveredHere('simulated delivery'),
  complain: deliveredHere('simulated delivery, with a complaint to follow'),
  bounce: simulated('bounced', 550, '5.1.1', 'simulated: no such recipient'),
  defer: simulated('deferred', 451, '4.2.1', 'simulated: try again later'),
};

function simulated(kind: 'bounced' | 'deferred', code: number, status: string, text: string): Outcome {
  const common = { reply: { code, enhanced: status, text }, cause: text, status, remote: null, tls: null };
  return kind === 'bounced' ? { kind, ...common } : { kind, ...common, ambiguous: false };
}

/** The simulator answers for it. */
export function isSimulated(address: string): boolean {
  return answerOf(address) !== null;
}
/** `address` as in RCPT TO; a plus tag is allowed (`bounce+1@simulator.test`). */
export function sandboxOutcome(address: string): Outcome {
  return answerOf(address) ?? bouncedHere('5.7.1', 'sandbox mail stays on this machine');
}
function answerOf(address: string): Outcome | null {
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at).toLowerCase().split('+')[0]!;
  const known = address.slice(at + 1).toLowerCase() === 'simulator.test' && Object.hasOwn(ANSWERS, local);
  return known ? ANSWERS[local]! : null;
}
