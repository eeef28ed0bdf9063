/** The descriptions of the fields of events in Japanese, by the English ones of the contract. */
export const JAPANESE: Readonly<Record<string, string>> = {
  'version of this form': 'この形式のバージョン',
  'id of the event; an event that comes again has the same':
    'イベントの ID。同じイベントが再び届いたときも同じです',
  'the service that publishes the event': 'イベントをパブリッシュしたサービス',
  'name of the event': 'イベントの名前',
  'a text for people, at most 8 KiB, with LF line ends': '人が読むためのテキスト。最大 8 KiB、改行は LF',
  'as the event of that name has it: see `webhooks`': 'イベントごとの内容。`webhooks` を参照してください',
  'attachments of the message': 'メールの添付ファイル',
  'media type': 'メディアタイプ',
  'file name; empty: it has none': 'ファイル名。空は、名前がないことを示します',
  'how `content` is encoded': '`content` の符号化方式',
  'empty unless the request or the subscriber has `inline`':
    'リクエストまたはサブスクライバに `inline` の指定がなければ空です',
  'when the event was published': 'イベントがパブリッシュされた時刻',
  'the event is not delivered after this time': 'この時刻を過ぎると、イベントは配送されません',
  'the same as `summary`; only in hooks; deprecated': '`summary` と同じ。フックのみ。非推奨',
  'the same as `content`; only in hooks; deprecated': '`content` と同じ。フックのみ。非推奨',
  'id of the topic; only in hooks; deprecated': 'トピックの ID。フックのみ。非推奨',
  'the header fields in their order, undecoded': 'ヘッダーフィールド。順序のまま、デコードしていません',
  'name as written in the message': 'メールに書かれたままの名前',
  'value as written, with its white space and folds': '書かれたままの値。空白と折り返しを含みます',
  'values by field name, as first written in the message; values are unfolded':
    'フィールド名ごとの値。名前はメールに最初に書かれた形です。値は折り返しを解いてあります',
  'the part of the message after the header; not in lists':
    'メールのヘッダーより後の部分。一覧には含まれません',
  'present if the body is not UTF-8': '本文が UTF-8 でないときにあります',
  'the domain of the project; null: the message belongs to none':
    'プロジェクトのドメイン。null は、どのドメインのメールでもないことを示します',
  'id of the domain in `/mta/v1/domains`': '`/mta/v1/domains` でのドメインの ID',
  'A-labels': 'A ラベル',
  'the SMTP envelope': 'SMTP のエンベロープ',
  'address of MAIL FROM; empty: the null return path':
    'MAIL FROM のアドレス。空は、空のリターンパスを示します',
  'addresses of RCPT TO; `incoming`: those that the rule matches':
    'RCPT TO のアドレス。`incoming` では、ルールに一致したもの',
  'id of the message': 'メールの ID',
  'Message-ID, with angle brackets': 'Message-ID。山括弧を含みます',
  'GET returns the whole message; permission `mta.messages.get`':
    'GET でメール全体を取得できます。`mta.messages.get` の権限が必要です',
  'the decoded message': 'デコードしたメール',
  'decoded; null: the message has none': 'デコード済み。null は、メールにないことを示します',
  'the time in Date; null: the message has none that can be read':
    'Date の時刻。null は、読み取れる Date がないことを示します',
  'the mailboxes of From; empty: there are none': 'From のメールボックス。なければ空です',
  'the mailboxes of Sender; empty: there are none': 'Sender のメールボックス。なければ空です',
  'the mailboxes of Reply-To; empty: there are none': 'Reply-To のメールボックス。なければ空です',
  'the mailboxes of To; empty: there are none': 'To のメールボックス。なければ空です',
  'the mailboxes of Cc; empty: there are none': 'Cc のメールボックス。なければ空です',
  'display name, decoded': '表示名。デコード済み',
  'the address': 'アドレス',
  'the text, at most 256 KiB, with LF line ends; null: the message has none':
    'テキスト。最大 256 KiB、改行は LF。null は、メールにないことを示します',
  'the HTML, unchanged, at most 256 KiB, with LF line ends; null: the message has none':
    'HTML。内容は変更しません。最大 256 KiB、改行は LF。null は、メールにないことを示します',
  "every part that is not in `text` or `html`, in the order of the event's `attachments`":
    '`text` と `html` に含まれないすべてのパート。イベントの `attachments` と同じ順序です',
  'file name; null: it has none': 'ファイル名。null は、名前がないことを示します',
  '`attachment`, `inline` or another word of the message':
    '`attachment`、`inline`、またはメールに書かれたほかの語',
  'without angle brackets': '山括弧を含みません',
  'octets, decoded': 'デコード後のオクテット数',
  'errors in the message and what `parsed` leaves out because of its limits; docs/api.md lists them':
    'メールの誤りと、上限のため `parsed` に含めなかったもの。一覧は docs/api.md にあります',
  "the receive rule that matched; null: none did, and the event goes to the domain's default topic":
    '一致した受信ルール。null は、一致したルールがなく、ドメインの既定のトピックに届いたことを示します',
  'id of the rule': 'ルールの ID',
  'kind of the rule': 'ルールの種類',
  'of an account rule': 'アカウントルールのローカルパート',
  'the results of the SPF, DKIM and DMARC checks': 'SPF、DKIM、DMARC の検証結果',
  'the send rule': '送信ルール',
  'the recipient': '宛先',
  'id of the recipient within the message': 'メールの中での宛先の ID',
  'grows with each event of this recipient, with gaps; a receiver sorts by it. `accepted` has 1':
    'この宛先のイベントごとに増える番号。飛ぶことがあります。受信側はこの番号で並べ替えます。`accepted` は 1 です',
  'number of the attempt; 0: no attempt was made': '何回目の試行か。0 は、試行していないことを示します',
  'the server that was asked; absent: no server was reached, or none was needed':
    '接続した相手のサーバー。サーバーに接続できなかったとき、または接続する必要がなかったときはありません',
  'host name': 'ホスト名',
  'IP address': 'IP アドレス',
  'TCP port': 'TCP ポート',
  'TLS of the connection; null: it had none': '接続の TLS。null は、TLS を使わなかったことを示します',
  'such as `TLSv1.3`': '`TLSv1.3` など',
  'cipher suite, as OpenSSL calls it': '暗号スイートの OpenSSL での名前',
  'whether the certificate is valid for the host': '証明書がホストに対して有効かどうか',
  'the reply of the server': 'サーバーの応答',
  'reply code (RFC 5321)': '応答コード（RFC 5321）',
  'enhanced status code (RFC 3463); null: the reply has none':
    '拡張ステータスコード（RFC 3463）。null は、応答にないことを示します',
  'the rest of the reply': '応答の残りの部分',
  'true: the server lacks 8BITMIME or SMTPUTF8 and got the message in another form than is stored':
    'true は、サーバーが 8BITMIME または SMTPUTF8 に対応していないため、保存されているものと異なる形で送ったことを示します',
  'what the reply, or its absence, means': '応答、または応答がないことの意味',
  'why, in words': '理由の文章',
  'when the service tries again': '次に試行する時刻',
  'records that are missing or wrong': '見つからないレコード、または正しくないレコード',
  'what the record is for': 'レコードの用途',
  'what is wrong, in one word': '異常の種類',
  'what should be there': '登録されているべき内容',
  'what is there': '登録されている内容',
  'what to do, in English': 'すべきこと（英語）',
  'the same in Japanese': 'すべきこと（日本語）',
  'time of the check': '確認した時刻',
  'when the ownership ends if the record is not published again':
    'レコードが再び公開されないときに、所有権が終わる時刻',
  'the new state of the key': '鍵の新しい状態',
  'selector of the key': '鍵のセレクタ',
  'the DNS record of the key': '鍵の DNS レコード',
  'name of the record': 'レコードの名前',
  'its type': 'レコードの種類',
  'its value': 'レコードの値',
  '60 seconds or 24 hours': '60 秒または 24 時間',
  'whose limit it is': '上限の対象',
  'whose limits they are': '上限の対象',
  'null: it is the limit of the project': 'null は、プロジェクトの上限であることを示します',
  'recipients that the window allows': '期間内に送信できる宛先の数',
  'recipients that the window allows; 0: no limit':
    '期間内に送信できる宛先の数。0 は、上限がないことを示します',
  'recipients counted in the window': '期間内に数えた宛先の数',
  'when it happened': '発生した時刻',
  'limit.approaching: when the oldest counted recipient leaves the window; limit.exceeded: when the message that did not fit would fit':
    'limit.approaching: 数えた宛先のうち最も古いものが期間から外れる時刻。limit.exceeded: 上限を超えたメールを送れるようになる時刻',
  'the limits until now': 'これまでの上限',
  'the limits now': '新しい上限',
  'recipients in 60 seconds; 0: no limit': '60 秒間の宛先の数。0 は、上限がないことを示します',
  'recipients in 24 hours; 0: no limit': '24 時間の宛先の数。0 は、上限がないことを示します',
  'the windows whose limit was raised': '上限が引き上げられた期間',
  'null: there is room now': 'null は、今すぐ送信できることを示します',
  'the request that was approved; null: there was no request':
    '承認された申請。null は、申請がなかったことを示します',
  'id of the request': '申請の ID',
  'the published text': 'パブリッシュされたテキスト',
};
