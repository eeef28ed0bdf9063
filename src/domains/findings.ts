/**
 * What a DNS check finds, in words: one sentence each in English and Japanese that says what to do. A finding is a code
 * with what belongs into its sentence, so that what is stored outlives a better wording; an unknown code (a newer program
 * wrote it) becomes a general sentence. Pure.
 */
import type { Finding } from './types.ts';

type Args = Readonly<Record<string, string>>;
type Sentence = readonly [en: (args: Args) => string, ja: (args: Args) => string];

const SENTENCES = {
  'mx.missing': [
    (a) => `${a['domain']} has no MX record; publish ${a['expected']}.`,
    (a) => `${a['domain']} にMXレコードがありません。${a['expected']} を登録してください。`,
  ],
  'mx.null': [
    (a) => `${a['domain']} has a null MX and so refuses all mail; replace it with ${a['expected']}.`,
    (a) =>
      `${a['domain']} は null MX のため、すべてのメールを拒否しています。${a['expected']} に置き換えてください。`,
  ],
  'mx.foreign': [
    (a) =>
      `The MX records lead to ${a['foreign']} and not to this service; replace them with ${a['expected']}.`,
    (a) =>
      `MXレコードがこのサービスではなく ${a['foreign']} を指しています。${a['expected']} に置き換えてください。`,
  ],
  'mx.foreign_first': [
    (a) =>
      `Mail goes first to ${a['foreign']}, which is preferred over this service; remove that MX record or give it a number above 10.`,
    (a) =>
      `${a['foreign']} がこのサービスより優先されています。そのMXレコードを削除するか、優先度の値を10より大きくしてください。`,
  ],
  'mx.foreign_equal': [
    (a) =>
      `A share of the mail goes to ${a['foreign']}, which has the same preference; remove that MX record.`,
    (a) => `同じ優先度の ${a['foreign']} にもメールの一部が配送されます。そのMXレコードを削除してください。`,
  ],
  'mx.host_missing': [
    (a) => `The MX record ${a['expected']} is missing; add it, so that mail has all ways open.`,
    (a) => `MXレコード ${a['expected']} がありません。配送経路を確保するため追加してください。`,
  ],
  'spf.missing': [
    (a) => `${a['domain']} has no SPF record; publish the TXT record ${a['expected']}`,
    (a) => `${a['domain']} にSPFレコードがありません。TXTレコード ${a['expected']} を登録してください。`,
  ],
  'spf.several': [
    (a) =>
      `There are ${a['count']} SPF records, which makes all of them void; merge them into one: ${a['expected']}`,
    (a) =>
      `SPFレコードが ${a['count']} 個あり、すべて無効になっています。1つにまとめてください: ${a['expected']}`,
  ],
  'spf.no_include': [
    (a) => `The SPF record does not allow this service; change it to ${a['expected']}`,
    (a) => `SPFレコードがこのサービスを許可していません。次のように変更してください: ${a['expected']}`,
  ],
  'spf.behind_all': [
    (a) =>
      `include:${a['include']} stands behind "all" and is never reached; move it to the left of "all" in the SPF record.`,
    (a) =>
      `include:${a['include']} が all より右にあるため評価されません。SPFレコード内で all の左に移してください。`,
  ],
  'spf.qualifier': [
    (a) =>
      `${a['term']} in the SPF record does not let this service pass; write include:${a['include']} instead.`,
    (a) =>
      `SPFレコードの ${a['term']} ではこのサービスは許可されません。include:${a['include']} と書いてください。`,
  ],
  'spf.too_many': [
    (a) =>
      `The SPF record needs ${a['count']} look-ups, and receivers stop at 10 with an error; remove includes that are no longer used.`,
    (a) =>
      `SPFレコードの評価に ${a['count']} 回の参照が必要で、上限の10回を超えてエラーになります。使っていない include を削除してください。`,
  ],
  'spf.broken': [
    (a) => `The SPF record refers to ${a['name']}, which has no single SPF record; remove that term.`,
    (a) => `SPFレコードが参照する ${a['name']} に有効なSPFレコードがありません。その項目を削除してください。`,
  ],
  'dkim.missing': [
    (a) => `The DKIM key is not published; add the TXT record ${a['name']}.`,
    (a) => `DKIM鍵が公開されていません。TXTレコード ${a['name']} を追加してください。`,
  ],
  'dkim.wrong_key': [
    (a) => `${a['name']} holds another key; replace its value with the one shown here.`,
    (a) => `${a['name']} に別の鍵が登録されています。ここに表示された値に置き換えてください。`,
  ],
  'dkim.revoked': [
    (a) => `${a['name']} holds an empty key, which revokes it; put in the value shown here.`,
    (a) => `${a['name']} の鍵が空(失効)です。ここに表示された値を登録してください。`,
  ],
  'dkim.several': [
    (a) => `${a['name']} has ${a['count']} TXT records; keep only the one shown here.`,
    (a) => `${a['name']} にTXTレコードが ${a['count']} 個あります。ここに表示された1つだけを残してください。`,
  ],
  'dkim.split': [
    (a) =>
      `The value of ${a['name']} was split wrongly; enter it as one TXT record without quotation marks or spaces inside the key.`,
    (a) =>
      `${a['name']} の値の分割が正しくありません。鍵の途中に引用符や空白を入れず、1つのTXTレコードとして登録してください。`,
  ],
  'dkim.alias_missing': [
    (a) => `${a['name']} does not lead to this service; add it as a CNAME record with ${a['expected']}.`,
    (a) =>
      `${a['name']} がこのサービスを指していません。CNAMEレコードとして ${a['expected']} を登録してください。`,
  ],
  'dkim.alias_wrong': [
    (a) => `The CNAME record ${a['name']} leads elsewhere; change it to ${a['expected']}.`,
    (a) => `CNAMEレコード ${a['name']} が別の名前を指しています。${a['expected']} に変更してください。`,
  ],
  'dkim.zone_silent': [
    (a) =>
      `${a['name']} leads to this service as it should, but the key is not found there; if it stays so for an hour, ask the operator to look at the zone ${a['zone']}.`,
    (a) =>
      `${a['name']} は正しくこのサービスを指していますが、そこに鍵が見つかりません。1時間たっても変わらない場合は、ゾーン ${a['zone']} の確認を運営者に依頼してください。`,
  ],
  'dkim.none': [
    () => 'The domain has no active DKIM key; make one.',
    () => '有効なDKIM鍵がありません。鍵を作成してください。',
  ],
  'dmarc.missing': [
    (a) => `There is no DMARC record; publish the TXT record _dmarc.${a['domain']} with ${a['expected']}`,
    (a) =>
      `DMARCレコードがありません。TXTレコード _dmarc.${a['domain']} に ${a['expected']} を登録してください。`,
  ],
  'dmarc.several': [
    (a) => `There are ${a['count']} DMARC records, which makes all of them void; keep one.`,
    (a) => `DMARCレコードが ${a['count']} 個あり、すべて無効になっています。1つだけ残してください。`,
  ],
  'dmarc.invalid': [
    () => 'The DMARC record has no valid policy; it must contain p=none, p=quarantine or p=reject.',
    () =>
      'DMARCレコードのポリシーが正しくありません。p=none、p=quarantine、p=reject のいずれかを指定してください。',
  ],
  'client.missing': [
    (a) =>
      `Mail clients do not find their settings by themselves; add the record ${a['name']} if they should.`,
    (a) => `メールソフトが設定を自動で見つけられません。必要ならレコード ${a['name']} を追加してください。`,
  ],
  'client.wrong': [
    (a) => `${a['name']} leads mail clients elsewhere; change it to ${a['expected']}.`,
    (a) => `${a['name']} が別のサーバーを指しています。${a['expected']} に変更してください。`,
  ],
  'dns.unclear': [
    () => 'DNS gave no clear answer; it is asked again within the hour.',
    () => 'DNSから明確な応答が得られませんでした。1時間以内に再度確認します。',
  ],
  'dns.unchecked': [
    () => 'This record has not been looked at yet; ask for a check.',
    () => 'このレコードはまだ確認されていません。DNSの確認を実行してください。',
  ],
} as const satisfies Record<string, Sentence>;
export type FindingCode = keyof typeof SENTENCES;
export const FINDING_CODES = Object.keys(SENTENCES) as readonly FindingCode[];

export function finding(code: FindingCode, args: Args = {}): Finding {
  return { code, args };
}
export interface Words {
  readonly message: string;
  readonly message_ja: string;
}
export function inWords({ code, args }: Finding): Words {
  const sentence: Sentence | undefined = Object.hasOwn(SENTENCES, code)
    ? SENTENCES[code as FindingCode]
    : undefined;
  if (sentence === undefined)
    return {
      message: 'This record is not as it should be; compare it with the value shown here.',
      message_ja: 'このレコードは正しくありません。ここに表示された値と比べてください。',
    };
  return { message: sentence[0](args), message_ja: sentence[1](args) };
}
