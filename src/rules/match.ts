/** Which receive rules take a recipient. Every matching account and all rule runs; catch-all only when none did. */
import type { ReceiveRule } from './types.ts';

/** The rules that run for this local part (compared in lower case, plus tag kept), in the order given. */
export function matchReceiveRules(rules: readonly ReceiveRule[], localPart: string): ReceiveRule[] {
  const local = localPart.toLowerCase();
  const matched = rules.filter(
    (rule) => rule.type === 'all' || (rule.type === 'account' && rule.localPart === local),
  );
  return matched.length > 0 ? matched : rules.filter((rule) => rule.type === 'catch_all');
}
