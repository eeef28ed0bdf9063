/**
 * Finds the receive rules that take a recipient. Every matching account rule and every rule of type `all`
 * runs; catch-all rules run only if no other rule matched.
 */
import type { ReceiveRule } from './rules.ts';

/** The rules that run for this local part (compared in lower case, with its plus tag), in the given order. */
export function matchReceiveRules(rules: readonly ReceiveRule[], localPart: string): ReceiveRule[] {
  const local = localPart.toLowerCase();
  const matched = rules.filter(
    (rule) => rule.type === 'all' || (rule.type === 'account' && rule.localPart === local),
  );
  return matched.length > 0 ? matched : rules.filter((rule) => rule.type === 'catch_all');
}
