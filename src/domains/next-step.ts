/** The next step until a domain can send and receive, as a text. Pure. */
import { type FindingCode, finding, inWords, OPERATORS_SPF } from './findings.ts';
import type { DnsCheckItem, MtaDomain } from './mta-domains.ts';

export interface NextStep {
  /** Stable, for programs. */
  readonly code:
    | 'check_dns'
    | 'publish_mx'
    | 'publish_spf'
    | 'publish_dkim'
    | 'enable_dkim'
    | 'add_incoming_rule';
  readonly message: string;
  readonly message_ja: string;
}

/** null: nothing remains to do. `rules`: the number of receive rules. */
export function nextStep(domain: MtaDomain, rules: number): NextStep | null {
  const { dns } = domain;
  if (dns === null && !domain.mxSeen)
    return {
      code: 'check_dns',
      message:
        'Publish the records listed under dns. The service checks them every ten minutes for the first three days, then every hour, and whenever you ask for a check.',
      message_ja:
        'dns に示されたレコードを登録してください。最初の 3 日間は 10 分ごと、その後は 1 時間ごとに確認します。確認の実行を求めることもできます。',
    };
  if (dns !== null) {
    if (domain.receiving && isMissing(dns.mx)) return fromItem('publish_mx', dns.mx, 'mx.missing', domain);
    // The customer's own record is right.
    const theirs = dns.spf.finding?.code !== OPERATORS_SPF;
    if (theirs && isMissing(dns.spf)) return fromItem('publish_spf', dns.spf, 'spf.missing', domain);
    if (isMissing(dns.dkim)) return fromItem('publish_dkim', dns.dkim, 'dkim.none', domain);
    if (dns.dkim.status === 'ok' && !domain.dkimEnabled)
      return {
        code: 'enable_dkim',
        message: 'The DKIM keys are published, but signing is off. Turn it on with dkim.enabled.',
        message_ja: 'DKIM 鍵は公開されていますが、署名が無効です。dkim.enabled を有効にしてください。',
      };
  }
  if (domain.receiving && rules === 0)
    return {
      code: 'add_incoming_rule',
      message:
        'The domain has no receive rule. Add one. Without a receive rule, the service refuses all recipients except postmaster.',
      message_ja:
        '受信ルールがありません。追加してください。受信ルールがないと、postmaster 以外の宛先をすべて拒否します。',
    };
  return null;
}
function isMissing({ status }: DnsCheckItem): boolean {
  return status === 'missing' || status === 'wrong';
}
/** `fallback`: the text for checks of earlier versions of the program, which stored no finding. */
function fromItem(
  code: NextStep['code'],
  item: DnsCheckItem,
  fallback: FindingCode,
  { name }: MtaDomain,
): NextStep {
  const args = { domain: name, expected: item.expected[0] ?? '' };
  return { code, ...inWords(item.finding ?? finding(fallback, args)) };
}
