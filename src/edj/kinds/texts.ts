/** What the kinds that write to people share: settings, words, and the reading of addresses. */
import type { ChoiceField, Labels, ReadText, SwitchField } from '../../runtime/settings.ts';
import { type Language, type Notice, noticeOf } from '../notice.ts';
import type { RequestDeps } from './kind.ts';

export const WORDS = {
  from: { en: 'From', ja: '差出人' },
  to: { en: 'To', ja: '宛先' },
  link: { en: 'Show in the console', ja: 'コンソールで表示' },
} as const satisfies Record<string, Labels>;

export const language: ChoiceField = {
  type: 'choice',
  label: { en: 'Language of the messages', ja: '通知の言語' },
  choices: [
    { value: 'en', label: { en: 'English', ja: '英語' } },
    { value: 'ja', label: { en: 'Japanese', ja: '日本語' } },
  ],
  otherwise: 'en',
};
export const excerpt: SwitchField = {
  type: 'switch',
  label: { en: 'Include the beginning of the text of mail', ja: 'メール本文の冒頭を含める' },
  otherwise: true,
};

/** The notice of the event, as these two settings want it. */
export async function noticeFor({
  event,
  rendered,
  settings,
  publicUrl,
}: RequestDeps): Promise<{ readonly spoken: Language; readonly notice: Notice }> {
  const spoken = settings['language'] === 'ja' ? 'ja' : 'en';
  const withText = settings['excerpt'] !== false;
  return { spoken, notice: await noticeOf(event, rendered, { language: spoken, withText, publicUrl }) };
}

export const httpUrl: ReadText = (text) => {
  const url = URL.parse(text);
  return url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== ''
    ? { wrong: 'must be an http or https URL without credentials' }
    : { value: url.href };
};
/** Where secrets are sent: https, unless targets may be private. */
export const httpsUrl: ReadText = (text, allowPrivate) =>
  URL.parse(text)?.protocol === 'http:' && !allowPrivate
    ? { wrong: 'must be https' }
    : httpUrl(text, allowPrivate);
