/**
 * The events: every name that can be published to a topic, with its label and a sentence that says when it happens, in
 * both languages. event-contents.ts defines the content of each. This is plain data; the console reads it as well.
 */
export interface EventKind {
  readonly service: 'mta' | 'edj';
  /**
   * What selects the event. `message`: a receive or send rule. `delivery`: an event rule of a domain. `project`: an
   * event rule of the project. `hand`: a person or a program publishes it through the API.
   */
  readonly by: 'message' | 'delivery' | 'project' | 'hand';
  readonly label: { readonly en: string; readonly ja: string };
  readonly when: { readonly en: string; readonly ja: string };
}

export const EVENTS = {
  incoming: {
    service: 'mta',
    by: 'message',
    label: { en: 'Received', ja: '受信' },
    when: {
      en: 'The service received a message that matched a receive rule.',
      ja: 'メールを受信し、受信ルールに一致しました。',
    },
  },
  outgoing: {
    service: 'mta',
    by: 'message',
    label: { en: 'Sent', ja: '送信' },
    when: { en: 'The service accepted a message for sending.', ja: '送信するメールを受け付けました。' },
  },
  accepted: {
    service: 'mta',
    by: 'delivery',
    label: { en: 'Accepted', ja: '受付' },
    when: {
      en: 'The service accepted a message to this recipient.',
      ja: 'この宛先へのメールを受け付けました。',
    },
  },
  delivered: {
    service: 'mta',
    by: 'delivery',
    label: { en: 'Delivered', ja: '配送完了' },
    when: {
      en: "The recipient's mail server accepted the message.",
      ja: '宛先のメールサーバーがメールを受け取りました。',
    },
  },
  deferred: {
    service: 'mta',
    by: 'delivery',
    label: { en: 'Deferred', ja: '再送待ち' },
    when: {
      en: 'A delivery attempt failed temporarily. The service will try again.',
      ja: '一時的に配送できませんでした。後で再送します。',
    },
  },
  bounced: {
    service: 'mta',
    by: 'delivery',
    label: { en: 'Bounced', ja: '不達' },
    when: {
      en: 'The service could not deliver the message to this recipient and will not try again.',
      ja: 'この宛先にメールを配送できませんでした。再送は行いません。',
    },
  },
  expired: {
    service: 'mta',
    by: 'delivery',
    label: { en: 'Expired', ja: '期限切れ' },
    when: {
      en: 'The service could not deliver the message before its time to retry ended.',
      ja: '再送の期限までに配送できませんでした。',
    },
  },
  held: {
    service: 'mta',
    by: 'delivery',
    label: { en: 'Held', ja: '保留' },
    when: {
      en: 'The service holds the message, because of a sending limit or a suspension.',
      ja: '送信数の上限または停止のため、メールを保留しています。',
    },
  },
  cancelled: {
    service: 'mta',
    by: 'delivery',
    label: { en: 'Cancelled', ja: '取り消し' },
    when: { en: 'Sending to this recipient was cancelled.', ja: 'この宛先への送信を取り消しました。' },
  },
  'domain.verified': {
    service: 'mta',
    by: 'project',
    label: { en: 'Domain ownership verified', ja: 'ドメイン所有権の確認' },
    when: { en: 'The service verified the ownership of a domain.', ja: 'ドメインの所有権を確認しました。' },
  },
  'domain.dns_error': {
    service: 'mta',
    by: 'project',
    label: { en: 'DNS error', ja: 'DNS の異常' },
    when: {
      en: 'The DNS records of a domain were correct. Now a record is missing or wrong.',
      ja: '正常だったドメインの DNS レコードがなくなったか、正しくなくなりました。',
    },
  },
  'domain.dns_recovered': {
    service: 'mta',
    by: 'project',
    label: { en: 'DNS recovered', ja: 'DNS の復旧' },
    when: {
      en: 'All DNS records of a domain are correct again.',
      ja: 'ドメインの DNS レコードがすべて正常に戻りました。',
    },
  },
  'dkim.rotated': {
    service: 'mta',
    by: 'project',
    label: { en: 'DKIM keys rotated', ja: 'DKIM 鍵の更新' },
    when: {
      en: 'A DKIM key was created, has begun to sign, or has retired.',
      ja: 'DKIM 鍵が作成されたか、署名を開始したか、廃止されました。',
    },
  },
  'limit.approaching': {
    service: 'mta',
    by: 'project',
    label: { en: 'Limit approaching', ja: '上限に接近' },
    when: { en: 'At least 80% of a sending limit is used.', ja: '送信数が上限の 80% に達しました。' },
  },
  'limit.exceeded': {
    service: 'mta',
    by: 'project',
    label: { en: 'Limit exceeded', ja: '上限超過' },
    when: {
      en: 'A message would have exceeded a sending limit.',
      ja: '送信数の上限を超えるメッセージがありました。',
    },
  },
  'limit.raised': {
    service: 'mta',
    by: 'project',
    label: { en: 'Limit raised', ja: '上限の引き上げ' },
    when: {
      en: "The project's sending limits were raised.",
      ja: 'プロジェクトの送信数の上限が引き上げられました。',
    },
  },
  publish: {
    service: 'edj',
    by: 'hand',
    label: { en: 'Published by hand', ja: 'パブリッシュ' },
    when: {
      en: 'Somebody published a text to the topic.',
      ja: 'だれかがトピックにテキストをパブリッシュしました。',
    },
  },
} as const satisfies Record<string, EventKind>;

export type EventName = keyof typeof EVENTS;
type NameOf<B extends EventKind['by']> = {
  [N in EventName]: (typeof EVENTS)[N]['by'] extends B ? N : never;
}[EventName];
export type DeliveryEventName = NameOf<'delivery'>;
export type ProjectEventName = NameOf<'project'>;
/** The names that an event rule may hold. */
export type EventRuleName = DeliveryEventName | ProjectEventName;

function names<B extends EventKind['by']>(by: B): readonly NameOf<B>[] {
  return (Object.keys(EVENTS) as EventName[]).filter((name): name is NameOf<B> => EVENTS[name].by === by);
}
export const DELIVERY_EVENTS = names('delivery');
export const PROJECT_EVENTS = names('project');
export const EVENT_NAMES = Object.keys(EVENTS) as readonly EventName[];
/** Whether this program knows the event. Rows may hold names that only a program of another version knows. */
export const isEventName = (name: string): name is EventName => Object.hasOwn(EVENTS, name);
