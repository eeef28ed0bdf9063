/**
 * Checks the records by which mail clients find their settings. They are suggestions: nothing depends on the
 * result.
 */
import type { Domain } from '../mail/domain.ts';
import type { DnsAnswer, Resolver } from '../runtime/resolver.ts';
import { absent, ask, item, record } from './check-results.ts';
import { type DnsExpectations, expectedRecords } from './dns-records.ts';
import { finding } from './findings.ts';
import type { RecordState } from './mta-domains.ts';

export async function checkClients(
  resolver: Resolver,
  domain: Domain,
  expectations: DnsExpectations,
): Promise<RecordState[]> {
  const wanted = expectedRecords(domain, [], expectations).filter(({ purpose }) => purpose === 'client');
  return Promise.all(
    wanted.map(async ({ purpose, type, name, value }) => {
      const answer = await look(resolver, name);
      const args = { name, expected: value };
      if (answer.kind !== 'found')
        return record(
          { purpose, type, name, value },
          absent(answer, [value], finding('client.missing', args)),
        );
      const same = answer.records.some((found) => target(found) === target(value));
      const checked = item(
        same ? 'ok' : 'wrong',
        [value],
        answer.records,
        same ? null : finding('client.wrong', args),
      );
      return record({ purpose, type, name, value }, checked);
    }),
  );
}

/** Records in presentation form. */
async function look(resolver: Resolver, name: string): Promise<DnsAnswer<string>> {
  const answer = await ask(() => resolver.srv(name));
  if (answer.kind !== 'found') return answer;
  const records = answer.records.map(
    ({ priority, weight, port, target: host }) => `${priority} ${weight} ${port} ${host}`,
  );
  return { ...answer, records };
}
/** Port and host of an SRV record. Priorities and weights are the customer's choice. */
function target(value: string): string {
  return value.split(' ').slice(-2).join(' ').toLowerCase();
}
