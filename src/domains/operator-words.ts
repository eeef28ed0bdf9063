/** What is wrong with the operator's own records, in English and Japanese, and what to do. Pure. */
import type { Words } from './findings.ts';

type Args = Readonly<Record<string, string>>;
type Sentence = readonly [en: (args: Args) => string, ja: (args: Args) => string];

const SENTENCES = {
  host_name_not_public: [
    (a) =>
      `${a['name']} cannot be in public DNS, so the records of the service itself are not checked. Set HIKYAKU_HOSTNAME to a public name, such as mail.example.com.`,
    (a) =>
      `${a['name']} は公開 DNS に登録できない名前のため、このサービス自身のレコードを確認していません。HIKYAKU_HOSTNAME に mail.example.com のような公開の名前を設定してください。`,
  ],
  not_yet: [
    (a) =>
      `The records of ${a['name']} are not checked yet. The first check is one minute after the start; if it fails, the log says why.`,
    (a) =>
      `${a['name']} のレコードはまだ確認していません。最初の確認は起動の 1 分後です。失敗した場合は、ログに理由が記録されます。`,
  ],
  address_missing: [
    (a) => `${a['name']} has no address in DNS. Publish the A and AAAA records that \`hikyaku zone\` prints.`,
    (a) =>
      `${a['name']} のアドレスが DNS にありません。\`hikyaku zone\` が出力する A と AAAA レコードを登録してください。`,
  ],
  address_local: [
    (a) =>
      `${a['name']} has the address ${a['found']}, which other hosts cannot reach. Replace it with the public address.`,
    (a) =>
      `${a['name']} のアドレス ${a['found']} には、ほかのホストから接続できません。公開アドレスに置き換えてください。`,
  ],
  ptr: [
    (a) =>
      `${a['name']} points back to ${a['found']}, not to ${a['expected']}, so many hosts refuse mail. Have the owner of the network set the PTR record.`,
    (a) =>
      `${a['name']} の逆引きは ${a['found']} で、${a['expected']} ではありません。多くのホストにメールを拒否されます。ネットワークの管理者に PTR レコードの設定を依頼してください。`,
  ],
  spf_gone: [
    (a) =>
      `${a['name']} does not have exactly one SPF record. All customers include this name, so SPF ends with a permanent error for all their mail. Publish ${a['expected']}`,
    (a) =>
      `${a['name']} に SPF レコードがないか、複数あります。すべての利用者がこの名前を include しているため、全員のメールで SPF がエラーになります。${a['expected']} を登録してください。`,
  ],
  spf_lacks: [
    (a) =>
      `The SPF record ${a['name']} does not let mail from ${a['found']} pass. Change it to ${a['expected']}`,
    (a) =>
      `SPF レコード ${a['name']} が ${a['found']} からの送信を許可していません。${a['expected']} に変更してください。`,
  ],
  helo_gone: [
    (a) =>
      `${a['name']} has no SPF record. Publish ${a['expected']}, so that bounces, which have no sender, pass SPF.`,
    (a) =>
      `${a['name']} に SPF レコードがありません。差出人のない不達通知が SPF に合格するように、${a['expected']} を登録してください。`,
  ],
  zone_undelegated: [
    (a) =>
      `The zone ${a['name']} is not delegated to this service, so the delegated DKIM keys are not found. Publish the NS records that \`hikyaku zone\` prints.`,
    (a) =>
      `ゾーン ${a['name']} がこのサービスに委任されていないため、委任された DKIM 鍵が見つかりません。\`hikyaku zone\` が出力する NS レコードを登録してください。`,
  ],
  zone_silent: [
    (a) =>
      `The zone ${a['name']} gives no answer. Check that the service runs and that port 53 is open (UDP and TCP).`,
    (a) =>
      `ゾーン ${a['name']} が応答しません。サービスが動作していて、ポート 53（UDP と TCP）が開いているか確認してください。`,
  ],
  certificate_self_signed: [
    (a) =>
      `The certificate is self-signed, so programs do not trust ${a['name']}. Set HIKYAKU_TLS_CERT and HIKYAKU_TLS_KEY.`,
    (a) =>
      `証明書が自己署名のため、プログラムは ${a['name']} を信頼しません。HIKYAKU_TLS_CERT と HIKYAKU_TLS_KEY を設定してください。`,
  ],
  certificate_name: [
    (a) => `The certificate does not name ${a['name']}. Get one that does.`,
    (a) => `証明書に ${a['name']} が含まれていません。この名前を含む証明書を取得してください。`,
  ],
  certificate_over: [
    (a) => `The certificate expired on ${a['found']}. Renew it.`,
    (a) => `証明書の有効期限（${a['found']}）が切れています。更新してください。`,
  ],
  unclear: [
    (a) => `DNS gave no clear answer about ${a['name']}. The service asks again within an hour.`,
    (a) => `${a['name']} について DNS から明確な応答が得られませんでした。1 時間以内にもう一度確認します。`,
  ],
} as const satisfies Record<string, Sentence>;
export type OperatorFinding = keyof typeof SENTENCES;
export const OPERATOR_FINDINGS = Object.keys(SENTENCES) as readonly OperatorFinding[];

export function operatorWords(finding: OperatorFinding, args: Args): Words {
  const [en, ja] = SENTENCES[finding];
  return { message: en(args), message_ja: ja(args) };
}
