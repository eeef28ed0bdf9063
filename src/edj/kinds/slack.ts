/**
 * Slack: a message to the channel of an incoming webhook. From api.slack.com: "Sending messages using incoming webhooks"
 * (the request, its answers), "Reference: blocks" and "Composition objects" (limits), "Formatting text for app surfaces"
 * (escapes), "Rate limits". Invariants: what strangers wrote stands only in plain_text objects without emoji, and in the
 * fallback `text` with mrkdwn, parsing and names turned off; every text is escaped; the only link is our own. Limits are
 * counted in UTF-16 code units of the escaped text, so no way of counting finds more.
 */
import type { HttpResponse } from '../../runtime/http-client.ts';
import { textOf } from '../../runtime/settings.ts';
import { beginning, NOTICE_OPTIONS } from '../notice.ts';
import { type HttpKind, later, type Verdict } from './kind.ts';
import { excerpt, httpsUrl, language, noticeFor, WORDS } from './texts.ts';

const MOST = { header: 150, section: 3000, field: 2000, note: 200, fallback: 1000 } as const;

/** "Formatting text for app surfaces": `&`, `<` and `>` are control characters, and are written as entities. */
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escaped = (text: string) => text.replace(/[&<>]/g, (character) => ESCAPES[character]!);
const fitted = (text: string, most: number) =>
  escaped(beginning(text, most, (character) => (ESCAPES[character] ?? character).length));
const plain = (text: string, most: number) => ({
  type: 'plain_text',
  text: fitted(text, most),
  emoji: false,
});

/** Errors after which no message can come to the channel any more. */
const GONE: ReadonlySet<string> = new Set([
  'no_service',
  'no_service_id',
  'no_active_hooks',
  'no_team',
  'team_disabled',
  'invalid_token',
  'channel_not_found',
  'channel_is_archived',
  'user_not_found',
]);
/** An administrator restricts posting: "at least for now, the request should not be attempted again". */
const RESTRICTED: ReadonlySet<string> = new Set(['action_prohibited', 'posting_to_general_channel_denied']);

function judge(answer: HttpResponse): Verdict {
  const { status } = answer;
  const word = answer.bodyText.trim();
  if (status === 200 && word === 'ok') return { kind: 'done' };
  if (status < 400 || status >= 500 || status === 429) return later(answer);
  if (GONE.has(word)) return { kind: 'gone' };
  return status === 400 || RESTRICTED.has(word) ? { kind: 'refused' } : later(answer);
}

export const slack: HttpKind = {
  transport: 'http',
  label: { en: 'Slack', ja: 'Slack' },
  about: {
    en: "The service posts a message to the channel of an incoming webhook. Create the webhook in your Slack app's settings.",
    ja: 'Incoming Webhook のチャンネルにメッセージを投稿します。Webhook は Slack アプリの設定で作成します。',
  },
  fields: {
    url: { type: 'text', label: { en: 'Webhook URL', ja: 'Webhook URL' }, secret: true, read: httpsUrl },
    note: {
      type: 'text',
      label: { en: 'Note at the end of each message', ja: '各メッセージの末尾に付ける文' },
      otherwise: null,
      free: true,
      read: (text) =>
        [...text].length > MOST.note ? { wrong: 'must have at most 200 characters' } : { value: text },
    },
    language,
    excerpt,
  },
  example: { url: 'https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX' },
  options: () => NOTICE_OPTIONS,
  async request(deps) {
    const { settings, sealed } = deps;
    const { spoken, notice } = await noticeFor(deps);
    const { title, from, to, text, at } = notice;
    const people = [
      ...(from === '' ? [] : [plain(`${WORDS.from[spoken]}\n${from}`, MOST.field)]),
      ...(to === '' ? [] : [plain(`${WORDS.to[spoken]}\n${to}`, MOST.field)]),
    ];
    const note = textOf(settings, 'note');
    const time = `<!date^${at}^{date_num} {time}|${new Date(at * 1000).toISOString()}>`;
    const link = `<${escaped(notice.link)}|${escaped(WORDS.link[spoken])}>`;
    const context = `${escaped(notice.event)} · ${time} · ${link}`;
    const message = {
      text: fitted(from === '' ? title : `${title} (${from})`, MOST.fallback),
      mrkdwn: false,
      parse: 'none',
      link_names: false,
      unfurl_links: false,
      unfurl_media: false,
      blocks: [
        { type: 'header', text: plain(title, MOST.header) },
        ...(people.length === 0 ? [] : [{ type: 'section', fields: people }]),
        ...(text === '' ? [] : [{ type: 'section', text: plain(text, MOST.section) }]),
        {
          type: 'context',
          elements: [
            { type: 'mrkdwn', text: context, verbatim: true },
            ...(note === '' ? [] : [plain(note, MOST.field)]),
          ],
        },
      ],
    };
    return {
      url: textOf(sealed, 'url'),
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: Buffer.from(JSON.stringify(message)),
      [Symbol.dispose]() {},
    };
  },
  judge,
};
