/**
 * The findings of DNS checks as texts in English and Japanese that say what to do. A finding is a code with the
 * values for its text, so the texts can be improved without changing stored findings. An unknown code, from a newer
 * version of the program, gets a general text. Pure.
 */
import type { Finding } from './mta-domains.ts';

type Args = Readonly<Record<string, string>>;
type Sentence = readonly [en: (args: Args) => string, ja: (args: Args) => string];

const SENTENCES = {
  'mx.missing': [
    (a) => `${a['domain']} has no MX record. Publish ${a['expected']}.`,
    (a) => `${a['domain']} に MX レコードがありません。${a['expected']} を登録してください。`,
  ],
  'mx.null': [
    (a) => `${a['domain']} has a null MX, so it refuses all mail. Replace the null MX with ${a['expected']}.`,
    (a) =>
      `${a['domain']} は null MX のため、すべてのメールを拒否しています。${a['expected']} に置き換えてください。`,
  ],
  'mx.foreign': [
    (a) =>
      `The MX records point to ${a['foreign']}, not to this service. Replace them with ${a['expected']}.`,
    (a) =>
      `MX レコードがこのサービスではなく ${a['foreign']} を指しています。${a['expected']} に置き換えてください。`,
  ],
  'mx.foreign_first': [
    (a) =>
      `Mail goes first to ${a['foreign']}, because that MX record is preferred over this service. Remove that MX record, or give it a number above 10.`,
    (a) =>
      `${a['foreign']} がこのサービスより優先されています。その MX レコードを削除するか、優先度の値を 10 より大きくしてください。`,
  ],
  'mx.foreign_equal': [
    (a) =>
      `Some of the mail goes to ${a['foreign']}, because that MX record has the same preference. Remove that MX record.`,
    (a) =>
      `同じ優先度の ${a['foreign']} にも、メールの一部が配送されます。その MX レコードを削除してください。`,
  ],
  'mx.host_missing': [
    (a) => `The MX record ${a['expected']} is missing. Add it, so that mail can take every route.`,
    (a) =>
      `MX レコード ${a['expected']} がありません。すべての経路でメールを受信できるように、登録してください。`,
  ],
  'spf.missing': [
    (a) => `${a['domain']} has no SPF record. Publish the TXT record ${a['expected']}`,
    (a) => `${a['domain']} に SPF レコードがありません。TXT レコード ${a['expected']} を登録してください。`,
  ],
  'spf.several': [
    (a) =>
      `There are ${a['count']} SPF records, so none of them is valid. Merge them into one: ${a['expected']}`,
    (a) =>
      `SPF レコードが ${a['count']} 個あり、すべて無効になっています。1 つにまとめてください: ${a['expected']}`,
  ],
  'spf.no_include': [
    (a) => `The SPF record does not allow this service to send. Change it to ${a['expected']}`,
    (a) =>
      `SPF レコードがこのサービスからの送信を許可していません。次のように変更してください: ${a['expected']}`,
  ],
  'spf.behind_all': [
    (a) =>
      `include:${a['include']} comes after "all", so receivers never read it. Move it to the left of "all" in the SPF record.`,
    (a) =>
      `include:${a['include']} が all より右にあるため、評価されません。SPF レコードの中で all より左に移してください。`,
  ],
  'spf.qualifier': [
    (a) =>
      `${a['term']} in the SPF record does not let mail from this service pass. Write include:${a['include']} instead.`,
    (a) =>
      `SPF レコードの ${a['term']} では、このサービスからの送信が許可されません。include:${a['include']} と書いてください。`,
  ],
  'spf.too_many': [
    (a) =>
      `The SPF record needs ${a['count']} look-ups. Receivers stop at 10 and report an error. Remove includes that you no longer use.`,
    (a) =>
      `SPF レコードの評価に ${a['count']} 回の参照が必要です。上限の 10 回を超えるため、受信側でエラーになります。使っていない include を削除してください。`,
  ],
  'spf.broken': [
    (a) =>
      `The SPF record refers to ${a['name']}, which has no SPF record or more than one. Remove that term.`,
    (a) =>
      `SPF レコードが参照する ${a['name']} には、SPF レコードがないか、複数あります。その項目を削除してください。`,
  ],
  'spf.operator': [
    (a) =>
      `Your SPF record is right, but ${a['name']}, to which it refers, has no SPF record or more than one. This is the operator's mistake: ask the operator of this service to mend it. Until then, SPF fails for your mail.`,
    (a) =>
      `あなたの SPF レコードは正しいのですが、参照先の ${a['name']} に SPF レコードがないか、複数あります。これは運営者側の問題です。このサービスの運営者に修正を依頼してください。修正されるまで、あなたのメールは SPF に合格しません。`,
  ],
  'dkim.missing': [
    (a) => `The DKIM key is not published. Add the TXT record ${a['name']}.`,
    (a) => `DKIM 鍵が公開されていません。TXT レコード ${a['name']} を登録してください。`,
  ],
  'dkim.wrong_key': [
    (a) => `${a['name']} holds another key. Replace its value with the value shown here.`,
    (a) => `${a['name']} に別の鍵が登録されています。ここに表示された値に置き換えてください。`,
  ],
  'dkim.revoked': [
    (a) =>
      `${a['name']} holds an empty key, which means that the key is revoked. Replace it with the value shown here.`,
    (a) => `${a['name']} の鍵が空のため、失効しています。ここに表示された値に置き換えてください。`,
  ],
  'dkim.several': [
    (a) => `${a['name']} has ${a['count']} TXT records. Keep only the one shown here.`,
    (a) =>
      `${a['name']} に TXT レコードが ${a['count']} 個あります。ここに表示された 1 つだけを残してください。`,
  ],
  'dkim.split': [
    (a) =>
      `The value of ${a['name']} was split wrongly. Enter it as one TXT record, without quotation marks or spaces inside the key.`,
    (a) =>
      `${a['name']} の値の分割が正しくありません。鍵の途中に引用符や空白を入れず、1 つの TXT レコードとして登録してください。`,
  ],
  'dkim.alias_missing': [
    (a) =>
      `${a['name']} does not point to this service. Add it as a CNAME record with the value ${a['expected']}.`,
    (a) =>
      `${a['name']} がこのサービスを指していません。値が ${a['expected']} の CNAME レコードとして登録してください。`,
  ],
  'dkim.alias_wrong': [
    (a) => `The CNAME record ${a['name']} points to another name. Change it to ${a['expected']}.`,
    (a) => `CNAME レコード ${a['name']} が別の名前を指しています。${a['expected']} に変更してください。`,
  ],
  'dkim.zone_silent': [
    (a) =>
      `${a['name']} correctly points to this service, but the key is not found there. If this does not change within an hour, ask the operator to check the zone ${a['zone']}.`,
    (a) =>
      `${a['name']} は正しくこのサービスを指していますが、そこに鍵が見つかりません。1 時間たっても変わらない場合は、ゾーン ${a['zone']} の確認を運営者に依頼してください。`,
  ],
  'dkim.none': [
    () => 'The domain has no active DKIM key. Create a key, or publish the record of a pending key.',
    () => '署名中の DKIM 鍵がありません。鍵を作成するか、署名開始待ちの鍵のレコードを登録してください。',
  ],
  'dmarc.missing': [
    (a) => `There is no DMARC record. Publish the TXT record _dmarc.${a['domain']} with ${a['expected']}`,
    (a) =>
      `DMARC レコードがありません。TXT レコード _dmarc.${a['domain']} に ${a['expected']} を登録してください。`,
  ],
  'dmarc.several': [
    (a) => `There are ${a['count']} DMARC records, so none of them is valid. Keep one.`,
    (a) => `DMARC レコードが ${a['count']} 個あり、すべて無効になっています。1 つだけ残してください。`,
  ],
  'dmarc.invalid': [
    () => 'The DMARC record has no valid policy. It must contain p=none, p=quarantine or p=reject.',
    () =>
      'DMARC レコードのポリシーが正しくありません。p=none、p=quarantine、p=reject のいずれかを指定してください。',
  ],
  'client.missing': [
    (a) =>
      `Mail clients cannot find their settings by themselves. If you want them to, add the record ${a['name']}.`,
    (a) =>
      `メールソフトが設定を自動で見つけられません。必要な場合は、レコード ${a['name']} を登録してください。`,
  ],
  'client.wrong': [
    (a) => `${a['name']} points mail clients to another server. Change it to ${a['expected']}.`,
    (a) => `${a['name']} が別のサーバーを指しています。${a['expected']} に変更してください。`,
  ],
  'dns.unclear': [
    () => 'DNS gave no clear answer. The service asks again within an hour.',
    () => 'DNS から明確な応答が得られませんでした。1 時間以内にもう一度確認します。',
  ],
  'dns.unchecked': [
    () => 'The service has not checked this record yet. Ask for a check.',
    () => 'このレコードはまだ確認していません。DNS の確認を実行してください。',
  ],
} as const satisfies Record<string, Sentence>;
export type FindingCode = keyof typeof SENTENCES;
/** The record that the operator publishes for all customers is broken; the customer can do nothing about it. */
export const OPERATORS_SPF = 'spf.operator' satisfies FindingCode;
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
      message: 'This record is not correct. Compare it with the value shown here.',
      message_ja: 'このレコードは正しくありません。ここに表示された値と比べてください。',
    };
  return { message: sentence[0](args), message_ja: sentence[1](args) };
}
