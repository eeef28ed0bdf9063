/** The texts about a plan and its outcome, in English and Japanese. Pure. */
import type { DnsProviderErrorCode, SetKey, Words } from './provider.ts';

const words = (message: string, message_ja: string): Words => ({ message, message_ja });
const NAMES: Readonly<Record<string, [string, string]>> = {
  mx: ['the receiving hosts', '受信サーバー'],
  spf: ['SPF', 'SPF'],
  dkim: ['the DKIM key', 'DKIM 鍵'],
  dmarc: ['the DMARC policy', 'DMARC ポリシー'],
  client: ['the settings for mail clients', 'メールソフトの設定'],
  challenge: ['the proof of ownership', 'ドメイン所有権の確認'],
};
const what = (purpose: string): [string, string] => NAMES[purpose] ?? [purpose, purpose];

export function mx(name: string, foreign: readonly string[], existed: boolean): Words {
  if (foreign.length > 0)
    return words(
      `Replaces the MX of ${name}. Mail no longer goes to ${foreign.join(', ')}, but to this service. You must confirm this.`,
      `${name} の MX を置き換えます。メールは ${foreign.join('、')} に届かなくなり、このサービスに届きます。確認が必要です。`,
    );
  return existed
    ? words(
        `Adds the missing records to the MX of ${name}.`,
        `${name} の MX に足りないレコードを追加します。`,
      )
    : words(
        `Adds the MX of ${name}, so that its mail comes to this service.`,
        `${name} の MX を追加し、メールがこのサービスに届くようにします。`,
      );
}
export function spfNew(name: string, others: number): Words {
  return words(
    `Adds an SPF record at ${name}${others > 0 ? '. The other TXT records stay as they are' : ''}.`,
    `${name} に SPF レコードを追加します${others > 0 ? '。ほかの TXT レコードはそのまま残ります' : ''}。`,
  );
}
export function spfMerged(name: string): Words {
  return words(
    `Adds the include of this service to the SPF record of ${name}. Everything else in the record and all other TXT records stay as they are.`,
    `${name} の SPF レコードに、このサービスの include を追加します。レコードのほかの部分と、ほかの TXT レコードはそのまま残ります。`,
  );
}
export function severalSpf(name: string): Words {
  return words(
    `${name} has several SPF records, and receivers treat this as an error. Merge them into one, then plan again.`,
    `${name} に SPF レコードが複数あり、受信側でエラーになります。1 つにまとめてから、もう一度変更内容を確認してください。`,
  );
}
export function added({ name, type }: SetKey, purpose: string, others = false): Words {
  const [en, ja] = what(purpose);
  return words(
    `Adds ${en} (${type} ${name})${others ? '. The other records there stay' : ''}.`,
    `${ja}（${type} ${name}）を追加します${others ? '。ほかのレコードはそのまま残ります' : ''}。`,
  );
}
export function replaced({ name, type }: SetKey, purpose: string): Words {
  const [en, ja] = what(purpose);
  return words(
    `Updates ${en} (${type} ${name}), which belongs to this service.`,
    `${ja}（${type} ${name}）を新しい値に更新します。このレコードはこのサービスのものです。`,
  );
}
export function removed({ name, type }: SetKey, purpose: string): Words {
  const [en, ja] = what(purpose);
  return words(
    `Removes ${en} as ${type} at ${name}. A CNAME replaces it.`,
    `${name} の ${type}（${ja}）を削除し、CNAME に置き換えます。`,
  );
}
export function kept({ name, type }: SetKey, purpose: string, wanted: readonly string[]): Words {
  const [en, ja] = what(purpose);
  return words(
    `${type} ${name} has another value and stays as it is. The recommended value for ${en} is ${wanted.join(', ')}.`,
    `${type} ${name} には別の値が設定されているため、変更しません。${ja}の推奨値は ${wanted.join('、')} です。`,
  );
}
export function keptDmarc(name: string): Words {
  return words(
    `There is already a DMARC policy at ${name}. It stays as it is.`,
    `${name} にはすでに DMARC ポリシーが設定されているため、変更しません。`,
  );
}
export function aliasThere({ name, type }: SetKey, target: string): Words {
  return words(
    `${name} is a CNAME to ${target}. A name with a CNAME cannot also have ${type}. Remove the CNAME, or set the record at its target.`,
    `${name} は ${target} への CNAME です。CNAME と同じ名前に ${type} は登録できません。CNAME を削除するか、参照先に登録してください。`,
  );
}
export function othersThere({ name }: SetKey, target: string, types: readonly string[]): Words {
  return words(
    `${name} must be a CNAME to ${target}, but it has ${types.join(', ')}. A name with a CNAME cannot have other records. Remove them first.`,
    `${name} を ${target} への CNAME にする必要がありますが、${types.join('、')} があります。CNAME と同じ名前にほかのレコードは登録できません。先に削除してください。`,
  );
}
export function fixed({ name, type }: SetKey, why: string): Words {
  return words(
    `The service cannot change ${type} ${name} (${why}). Change it at the DNS provider.`,
    `${type} ${name} は、このサービスからは変更できません（${why}）。DNS サービスで変更してください。`,
  );
}
export function elsewhere({ name, type }: SetKey, values: readonly string[]): Words {
  return words(
    `${name} is in another zone. Set ${type} ${values.join(', ')} in that zone by hand.`,
    `${name} は別のゾーンにあります。${type} ${values.join('、')} をそのゾーンに手動で登録してください。`,
  );
}
export function notAsPlanned(sets: readonly SetKey[]): Words {
  const names = sets.map(({ name, type }) => `${type} ${name}`).join(', ');
  return words(
    `DNS has changed in the meantime (${names}), so the service changed nothing. Plan again.`,
    `その間に DNS が変更されたため（${names}）、何も変更していません。もう一度変更内容を確認してください。`,
  );
}
const FAILURES: Readonly<Record<DnsProviderErrorCode, [string, string]>> = {
  credentials: ['The DNS provider refused the credentials', 'DNS サービスが認証情報を受け付けませんでした'],
  'ambiguous-zone': [
    'The DNS account has several zones with this name',
    'この DNS アカウントには、同じ名前のゾーンが複数あります',
  ],
  'blocked-address': [
    'The service does not connect to the address of this DNS provider',
    'この DNS サービスのアドレスへの接続は許可されていません',
  ],
  unreachable: ['The DNS provider did not answer', 'DNS サービスから応答がありませんでした'],
  refused: ['The DNS provider refused the request', 'DNS サービスが要求を受け付けませんでした'],
};
export function failure(code: DnsProviderErrorCode, detail: string): Words {
  const [en, ja] = FAILURES[code];
  return words(`${en}: ${detail}`, `${ja}: ${detail}`);
}
