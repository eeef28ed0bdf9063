/** Japanese and English. Both are in the first load, so switching is immediate. The choice is stored here. */

import i18next, { type TFunction } from 'i18next';
import { initReactI18next } from 'react-i18next';
import { EVENTS, type EventKind } from '../../src/contract/events.ts';
import { LANGUAGES } from '../../src/contract/values.ts';
import type { Words } from './api/resources.ts';
import en from './locales/en.json';
import ja from './locales/ja.json';

export { LANGUAGES };
export type Language = (typeof LANGUAGES)[number];
const LANGUAGE_KEY = 'hikyaku.language';

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof ja };
  }
}

export function isLanguage(text: string | null): text is Language {
  return LANGUAGES.some((language) => language === text);
}
function firstLanguage(): Language {
  const kept = localStorage.getItem(LANGUAGE_KEY);
  if (isLanguage(kept)) return kept;
  return navigator.languages.some((language) => language.startsWith('ja')) ? 'ja' : 'en';
}
export function language(): Language {
  return isLanguage(i18next.language) ? i18next.language : 'en';
}
export async function changeLanguage(to: Language): Promise<void> {
  localStorage.setItem(LANGUAGE_KEY, to);
  await i18next.changeLanguage(to);
}
export async function startI18n(): Promise<void> {
  i18next.on('languageChanged', (to) => {
    document.documentElement.lang = to;
  });
  await i18next.use(initReactI18next).init({
    lng: firstLanguage(),
    fallbackLng: false,
    resources: { ja: { translation: ja }, en: { translation: en } },
    interpolation: { escapeValue: false },
  });
}

const eventOf = (name: string): EventKind | undefined =>
  (EVENTS as Readonly<Record<string, EventKind>>)[name];
/** The label of an event; its name if the console does not know it. */
export function eventLabel(name: string): string {
  return eventOf(name)?.label[language()] ?? name;
}
/** When the event happens, in one sentence. */
export function eventSentence(name: string): string {
  return eventOf(name)?.when[language()] ?? '';
}
/** The text for a name from an open set (problem types, states, …), or the name itself. */
export function named(t: TFunction, group: string, name: string): string {
  const key = `${group}.${name.replaceAll('.', '_').replaceAll('-', '_')}`;
  return i18next.exists(key) ? String(t(key as never)) : name;
}
export function showTime(iso: string): string {
  return new Intl.DateTimeFormat(language(), { dateStyle: 'medium', timeStyle: 'medium' }).format(
    new Date(iso),
  );
}
export function showNumber(n: number): string {
  return new Intl.NumberFormat(language()).format(n);
}

/** The service's own sentence in the reader's language; empty if there is none. */
export function said(words: Words | null | undefined): string {
  return (language() === 'ja' ? words?.message_ja : words?.message) ?? '';
}
