/**
 * Pushover: a notification to a user or a group. From pushover.net/api ("Message API": parameters, limits, priorities,
 * "Response Format", "Limitations", "Being Friendly to our API"). Invariants: neither `html` nor `monospace` is set, so
 * nothing in a text is markup. The apps turn addresses in a text into links; in what strangers wrote, an invisible
 * character (WORD JOINER) keeps them from that. Limits are counted in characters.
 */
import type { HttpResponse } from '../../runtime/http-client.ts';
import { type ReadText, textOf } from '../../runtime/settings.ts';
import { beginning, NOTICE_OPTIONS } from '../notice.ts';
import { type HttpKind, later, type Verdict } from './kind.ts';
import { excerpt, httpsUrl, httpUrl, language, noticeFor, WORDS } from './texts.ts';

const MOST = { message: 1024, title: 250, url: 512, url_title: 100, person: 200 } as const;
/** "Being Friendly to our API": at least 5 seconds after an error of the server. */
const AFTER_ERROR_S = 5;
/** The limit of messages is one of a month. */
const AFTER_LIMIT_S = 3600;

const fitted = (text: string, most: number) => beginning(text, most, () => 1);
/** In `https://evil.example` and `evil.example`, puts a WORD JOINER where a link would be found. */
const unlinked = (text: string) =>
  text.replace(/(?<=[^\s.])(?:[.\uff0e](?=[^\s.])|[\u3002\uff61](?=[!-~])|:(?=\/\/))/gu, '$&\u2060');

const key: ReadText = (text) =>
  /^[A-Za-z0-9]{30}$/.test(text) ? { value: text } : { wrong: 'must have 30 letters and digits' };
const seconds: ReadText = (text) =>
  /^\d{1,5}$/.test(text) && Number(text) >= 30 && Number(text) <= 10_800
    ? { value: String(Number(text)) }
    : { wrong: 'must be 30 to 10800 seconds' };

function judge(answer: HttpResponse): Verdict {
  const { status } = answer;
  const said = answered(answer.bodyText);
  if (status === 200) return said['status'] === 1 ? { kind: 'done' } : later(answer, AFTER_ERROR_S);
  if (status === 429) return later(answer, AFTER_LIMIT_S);
  if (status < 400 || status >= 500 || said['status'] !== 0) return later(answer, AFTER_ERROR_S);
  return said['user'] === 'invalid' || said['token'] === 'invalid' ? { kind: 'gone' } : { kind: 'refused' };
}
function answered(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

export const pushover: HttpKind = {
  transport: 'http',
  label: { en: 'Pushover', ja: 'Pushover' },
  about: {
    en: 'The service sends a notification to your devices. Register an application at Pushover to get its API token.',
    ja: '端末に通知を送ります。API トークンは、Pushover でアプリケーションを登録すると発行されます。',
  },
  fields: {
    user: {
      type: 'text',
      label: { en: 'User key or group key', ja: 'ユーザーキーまたはグループキー' },
      secret: true,
      read: key,
    },
    token: { type: 'text', label: { en: 'API token', ja: 'API トークン' }, secret: true, read: key },
    device: {
      type: 'text',
      label: { en: 'Devices (names with commas between them)', ja: '端末（名前をコンマで区切る）' },
      otherwise: null,
      read: (text) =>
        text.length <= 500 && /^[A-Za-z0-9_-]{1,25}(,[A-Za-z0-9_-]{1,25})*$/.test(text)
          ? { value: text }
          : { wrong: 'must be names of devices with commas between them' },
    },
    priority: {
      type: 'choice',
      label: { en: 'Priority', ja: '優先度' },
      choices: [
        { value: '-2', label: { en: '-2 (no notification)', ja: '-2（通知しない）' } },
        { value: '-1', label: { en: '-1 (quiet)', ja: '-1（音を鳴らさない）' } },
        { value: '0', label: { en: '0 (normal)', ja: '0（通常）' } },
        { value: '1', label: { en: '1 (high)', ja: '1（高）' } },
        { value: '2', label: { en: '2 (emergency)', ja: '2（緊急）' } },
      ],
      otherwise: '0',
    },
    retry: {
      type: 'text',
      label: {
        en: 'Emergency: repeat after so many seconds',
        ja: '緊急のとき、再通知の間隔（秒）',
      },
      otherwise: '60',
      read: seconds,
    },
    expire: {
      type: 'text',
      label: {
        en: 'Emergency: stop repeating after so many seconds',
        ja: '緊急のとき、再通知をやめるまでの時間（秒）',
      },
      otherwise: '3600',
      read: seconds,
    },
    sound: {
      type: 'text',
      label: { en: 'Sound', ja: '通知音' },
      otherwise: null,
      read: (text) =>
        /^[A-Za-z0-9_-]{1,40}$/.test(text) ? { value: text } : { wrong: 'must be the name of a sound' },
    },
    title: {
      type: 'text',
      label: { en: 'Title (otherwise the subject)', ja: 'タイトル（指定しなければ件名）' },
      otherwise: null,
      free: true,
      read: (text) =>
        [...text].length <= MOST.title ? { value: text } : { wrong: 'must have at most 250 characters' },
    },
    url: {
      type: 'text',
      label: { en: 'Link (otherwise to the console)', ja: 'リンク（指定しなければコンソール）' },
      otherwise: null,
      read(text, allowPrivate) {
        const link = httpUrl(text, allowPrivate);
        return 'value' in link && link.value.length > MOST.url
          ? { wrong: 'must have at most 512 characters' }
          : link;
      },
    },
    url_title: {
      type: 'text',
      label: { en: 'Text of the link', ja: 'リンクの文字列' },
      otherwise: null,
      free: true,
      read: (text) =>
        [...text].length <= MOST.url_title ? { value: text } : { wrong: 'must have at most 100 characters' },
    },
    language,
    excerpt,
    api_url: {
      type: 'text',
      label: { en: 'URL of the API', ja: 'API の URL' },
      otherwise: 'https://api.pushover.net/1/messages.json',
      read: httpsUrl,
    },
  },
  example: { user: 'exampleUserKey0000000000000000', token: 'exampleToken000000000000000000' },
  options: () => NOTICE_OPTIONS,
  async request(deps) {
    const { settings, sealed } = deps;
    const { spoken, notice } = await noticeFor(deps);
    const title = textOf(settings, 'title');
    const priority = Number(textOf(settings, 'priority'));
    const person = (label: string, who: string) =>
      who === '' ? [] : [`${label}: ${fitted(unlinked(who), MOST.person)}`];
    const lines = [
      ...(title === '' ? [] : [unlinked(notice.title)]),
      ...person(WORDS.from[spoken], notice.from),
      ...person(WORDS.to[spoken], notice.to),
      unlinked(notice.text),
    ].filter((line) => line !== '');
    const given = (name: string) => {
      const value = textOf(settings, name);
      return value === '' ? {} : { [name]: value };
    };
    const url = textOf(settings, 'url') || notice.link;
    const linkTitle = textOf(settings, 'url_title') || (url === notice.link ? WORDS.link[spoken] : '');
    const message = {
      token: textOf(sealed, 'token'),
      user: textOf(sealed, 'user'),
      title: title || fitted(unlinked(notice.title), MOST.title),
      // A message must not be empty.
      message: fitted(lines.join('\n') || notice.event, MOST.message),
      timestamp: notice.at,
      priority,
      ...(priority === 2
        ? { retry: Number(textOf(settings, 'retry')), expire: Number(textOf(settings, 'expire')) }
        : {}),
      ...given('device'),
      ...given('sound'),
      ...(url.length > MOST.url ? {} : { url, ...(linkTitle === '' ? {} : { url_title: linkTitle }) }),
    };
    return {
      url: textOf(settings, 'api_url'),
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: Buffer.from(JSON.stringify(message)),
      [Symbol.dispose]() {},
    };
  },
  judge,
};
