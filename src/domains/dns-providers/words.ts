/** What a plan and its outcome say to people: one sentence each, in English and Japanese. Pure. */
import type { DnsProviderErrorCode, SetKey, Words } from './types.ts';

const words = (message: string, message_ja: string): Words => ({ message, message_ja });
const NAMES: Readonly<Record<string, [string, string]>> = {
  mx: ['the receiving hosts', '受信ホスト'],
  spf: ['SPF', 'SPF'],
  dkim: ['the DKIM key', 'DKIM 鍵'],
  dmarc: ['the DMARC policy', 'DMARC ポリシー'],
  client: ['what mail clients look up', 'メールソフトの自動設定'],
  challenge: ['the proof of ownership', 'ドメイン所有権の確認'],
};
const what = (purpose: string): [string, string] => NAMES[purpose] ?? [purpose, purpose];

export function mx(name: string, foreign: readonly string[], existed: boolean): Words {
  if (foreign.length > 0)
    return words(
      `Replaces the MX of ${name}: mail no longer goes to ${foreign.join(', ')} but comes here. This must be confirmed.`,
      `${name} の MX を置き換えます。メールは ${foreign.join('、')} に届かなくなり、こちらに届きます。確認が必要です。`,
    );
  return existed
    ? words(`Completes the MX of ${name}.`, `${name} の MX を補います。`)
    : words(
        `Adds the MX of ${name}: its mail comes here.`,
        `${name} の MX を追加し、メールを受信できるようにします。`,
      );
}
export function spfNew(name: string, others: number): Words {
  return words(
    `Adds an SPF record at ${name}${others > 0 ? '; the other TXT records stay as they are' : ''}.`,
    `${name} に SPF レコードを追加します${others > 0 ? '。ほかの TXT レコードはそのまま残ります' : ''}。`,
  );
}
export function spfMerged(name: string): Words {
  return words(
    `Adds our include to the SPF record of ${name}; everything else in it and all other TXT records stay as they are.`,
    `${name} の SPF レコードに include を加えます。ほかの記述とほかの TXT レコードはそのまま残ります。`,
  );
}
export function severalSpf(name: string): Words {
  return words(
    `${name} has several SPF records, which receivers take for an error: join them into one, then plan again.`,
    `${name} に SPF レコードが複数あり、受信側でエラーになります。1 つにまとめてから、もう一度確認してください。`,
  );
}
export function added({ name, type }: SetKey, purpose: string, others = false): Words {
  const [en, ja] = what(purpose);
  return words(
    `Adds ${en} (${type} ${name})${others ? '; the other records there stay' : ''}.`,
    `${ja}（${type} ${name}）を追加します${others ? '。ほかのレコードはそのまま残ります' : ''}。`,
  );
}
export function replaced({ name, type }: SetKey, purpose: string): Words {
  const [en, ja] = what(purpose);
  return words(
    `Renews ${en} (${type} ${name}), which is ours.`,
    `${ja}（${type} ${name}）を新しい値に更新します。`,
  );
}
export function removed({ name, type }: SetKey, purpose: string): Words {
  const [en, ja] = what(purpose);
  return words(
    `Removes ${en} as ${type} at ${name}: a CNAME takes its place.`,
    `${name} の ${type}（${ja}）を取り除き、CNAME に置き換えます。`,
  );
}
export function kept({ name, type }: SetKey, purpose: string, wanted: readonly string[]): Words {
  const [en, ja] = what(purpose);
  return words(
    `${type} ${name} is set to something else and stays; for ${en} it would be ${wanted.join(', ')}.`,
    `${type} ${name} には別の値が設定されているため、変更しません。${ja}には ${wanted.join('、')} を推奨します。`,
  );
}
export function keptDmarc(name: string): Words {
  return words(
    `There is a DMARC policy at ${name}; it stays as it is.`,
    `${name} には DMARC ポリシーが設定されています。変更しません。`,
  );
}
export function aliasThere({ name, type }: SetKey, target: string): Words {
  return words(
    `${name} is a CNAME to ${target}, and a CNAME may have no ${type} beside it: remove the CNAME or set the record at its target.`,
    `${name} は ${target} への CNAME です。CNAME と同じ名前に ${type} は置けません。CNAME を削除するか、参照先に設定してください。`,
  );
}
export function othersThere({ name }: SetKey, target: string, types: readonly string[]): Words {
  return words(
    `${name} should be a CNAME to ${target}, but has ${types.join(', ')}, which may not stand beside it: remove them first.`,
    `${name} を ${target} への CNAME にする必要がありますが、${types.join('、')} があるため設定できません。先に削除してください。`,
  );
}
export function fixed({ name, type }: SetKey, why: string): Words {
  return words(
    `${type} ${name} cannot be changed from here (${why}): change it at the provider.`,
    `${type} ${name} はここからは変更できません（${why}）。DNS サービス側で変更してください。`,
  );
}
export function elsewhere({ name, type }: SetKey, values: readonly string[]): Words {
  return words(
    `${name} lies in a zone of its own: set ${type} ${values.join(', ')} there by hand.`,
    `${name} は別のゾーンにあります。${type} ${values.join('、')} をそのゾーンに手動で設定してください。`,
  );
}
export function notAsPlanned(sets: readonly SetKey[]): Words {
  const names = sets.map(({ name, type }) => `${type} ${name}`).join(', ');
  return words(
    `DNS was changed meanwhile (${names}); nothing was done. Plan again.`,
    `DNS がその間に変更されたため（${names}）、何も変更していません。もう一度確認してください。`,
  );
}
const FAILURES: Readonly<Record<DnsProviderErrorCode, [string, string]>> = {
  credentials: [
    'The provider does not take these credentials',
    'DNS サービスが認証情報を受け付けませんでした',
  ],
  'ambiguous-zone': ['Several zones have this name', '同じ名前のゾーンが複数あります'],
  'blocked-address': [
    'The address of the provider is not allowed',
    'DNS サービスのアドレスへの接続は許可されていません',
  ],
  unreachable: ['The provider did not answer', 'DNS サービスから応答がありませんでした'],
  refused: ['The provider refused', 'DNS サービスが要求を拒否しました'],
};
export function failure(code: DnsProviderErrorCode, detail: string): Words {
  const [en, ja] = FAILURES[code];
  return words(`${en}: ${detail}`, `${ja}: ${detail}`);
}
