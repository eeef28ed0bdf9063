/** What `hikyaku doctor` reports about DNS: whether it answers, and the records that the operator publishes. */
import type { Config } from '../config/config.ts';
import { checkOperatorRecords, checkZone, type OperatorItem } from '../domains/operator-check.ts';
import { uncheckable } from '../domains/operator-keeper.ts';
import { machineAddresses } from '../runtime/addresses.ts';
import type { Resolver } from '../runtime/resolver.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

const TITLES: Readonly<Record<OperatorItem['check'], string>> = {
  address: 'host name',
  ptr: 'PTR',
  spf_include: 'SPF include',
  helo_spf: 'SPF of the host',
  dkim_zone: 'DKIM zone',
  certificate: 'TLS certificate',
};
/** Without these, mail still leaves, but many hosts refuse it. */
const ADVICE: ReadonlySet<OperatorItem['check']> = new Set(['ptr', 'helo_spf']);

export async function checkDns(config: Config, resolver: Resolver, now: number): Promise<Finding[]> {
  const root = await resolver.mx('gmail.com');
  const answers =
    root.kind === 'failed'
      ? failed('DNS', `no answer: ${root.cause}; set HIKYAKU_DNS_SERVERS`)
      : ok('DNS', `answers${root.kind === 'found' && root.authenticated ? ', and validates DNSSEC' : ''}`);
  const facts = { names: config, addresses: machineAddresses(), certificate: null, now };
  const unchecked = uncheckable(config.hostname);
  const items = unchecked === null ? await checkOperatorRecords(resolver, facts) : [];
  if (
    !items.some(
      ({ check, name, found }) => check === 'address' && name === config.hostname && found.length > 0,
    )
  )
    return [
      answers,
      warning(
        'host name',
        unchecked?.words.message ??
          `${config.hostname} has no address in DNS; set HIKYAKU_HOSTNAME to a public name`,
      ),
      ...(config.dkimZone === null ? [] : [findingOf(await checkZone(resolver, config.dkimZone))]),
    ];
  return [answers, ...items.filter(({ check }) => check !== 'certificate').map(findingOf)];
}

export function findingOf({ check, name, state, found, words }: OperatorItem): Finding {
  const title = TITLES[check];
  if (state === 'ok') return ok(title, [name, ...found].join(' '));
  const text = words?.message ?? name;
  return state === 'unknown' || ADVICE.has(check) ? warning(title, text) : failed(title, text);
}
