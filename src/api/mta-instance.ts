/** /mta/v1/instance/dns: the operator's own records, for operators. The console shows them what is wrong. */

import * as ops from '../contract/operations/mta-limits.ts';
import type { ApiDeps } from './deps.ts';
import type { Handle } from './handle.ts';
import { iso } from './times.ts';

export function mtaInstanceRoutes(handle: Handle, { ownRecords }: ApiDeps): void {
  handle(ops.getInstanceDns, async () => {
    const { checkedAt, unchecked, items } = await ownRecords();
    return {
      checked_at: iso(checkedAt),
      unchecked: unchecked === null ? null : { code: unchecked.code, ...unchecked.words },
      records: items.map(({ check, name, state, found, words }) => ({ check, name, state, found, ...words })),
    };
  });
}
