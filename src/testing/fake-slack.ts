/**
 * Slack's incoming webhooks as its documents describe them ("Sending messages using incoming webhooks", "Reference:
 * blocks", "Composition objects", "Formatting text for app surfaces"), on loopback. It refuses what Slack refuses: a
 * wrong URL, a body that is no message, blocks that are not of the documented form or too long. Of a message that it
 * takes, it says what a reader would see, and what in it would have an effect: links, mentions, formatting, emojis.
 */
import { type FakeAnswer, type FakeHttp, startFakeHttp } from './fake-http.ts';

export interface SlackMessage {
  /** The octets of the request as text. */
  readonly body: string;
  /** The texts of all blocks as a reader sees them, in order. */
  readonly shown: readonly string[];
  readonly fallback: string;
  /** `link https://…`, `mention !channel`, `bold`, `emoji :x:`, …: of the blocks and of the fallback. */
  readonly effects: readonly string[];
}
export interface FakeSlack extends FakeHttp {
  readonly webhook: string;
  /** The part of the URL that nobody else may see. */
  readonly secret: string;
  readonly messages: readonly SlackMessage[];
  /** Answers that come before any look at the request, in turn. */
  readonly next: FakeAnswer[];
}
/** Answers of the webhook with status and error code: `error(404, 'no_service')`. */
export const error = (status: number, code: string, headers: Record<string, string> = {}): FakeAnswer => ({
  ...{ status, headers },
  type: 'text/html',
  body: code,
});

type Json = Readonly<Record<string, unknown>>;
/** The error code of the answer. */
class Refused extends Error {}
const refuseIf = (wrong: boolean, code = 'invalid_blocks') => {
  if (wrong) throw new Refused(code);
};
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const onlyHas = (value: Json, ...names: string[]) =>
  refuseIf(Object.keys(value).some((name) => !names.includes(name)));

export async function startFakeSlack(): Promise<FakeSlack> {
  const messages: SlackMessage[] = [];
  const next: FakeAnswer[] = [];
  const secret = 'wJx8sEcReTpArToFaWeBhOoK';
  const path = '/services/T0000FAKE/B0000FAKE';
  const server = await startFakeHttp(({ method, path: asked, headers, body }) => {
    const answer = next.shift();
    if (answer !== undefined) return answer;
    if (method !== 'POST') return error(400, 'invalid_payload');
    if (asked !== `${path}/${secret}`)
      return asked.startsWith(`${path}/`) ? error(403, 'invalid_token') : error(404, 'no_service');
    if (!/^application\/json\b/.test(headers['content-type'] ?? '')) return error(400, 'invalid_payload');
    try {
      messages.push(readSlackMessage(body));
      return { status: 200, type: 'text/html', body: 'ok' };
    } catch (reason) {
      if (reason instanceof Refused) return error(400, reason.message);
      throw reason;
    }
  });
  return { ...server, webhook: `${server.url}${path}/${secret}`, secret, messages, next };
}

/** What Slack makes of the body of a request. Throws the error code of a body that it refuses. */
export function readSlackMessage(body: string): SlackMessage {
  let message: unknown;
  try {
    message = JSON.parse(body);
  } catch {
    throw new Refused('invalid_payload');
  }
  if (!isObject(message)) throw new Refused('invalid_payload');
  const { text = '', blocks = [], mrkdwn = true, parse, link_names: names } = message;
  refuseIf(typeof text !== 'string' || !Array.isArray(blocks), 'invalid_payload');
  const list = blocks as readonly unknown[];
  refuseIf(text === '' && list.length === 0, 'no_text');
  refuseIf((text as string).length > 40_000, 'msg_too_long');
  refuseIf(list.length > 50);
  const effects: string[] = [];
  const shown: string[] = [];
  const see = (value: unknown, most: number, ...kinds: string[]) =>
    shown.push(readText(value, most, kinds, effects));
  for (const block of list) readBlock(block, see);
  effects.push(...controls(text as string));
  if (mrkdwn !== false) effects.push(...formatting(text as string));
  if (parse !== 'none') effects.push(...bareLinks(text as string));
  if (names === true || parse === 'full') effects.push(...bareNames(text as string));
  return { body, shown, fallback: decoded(text as string), effects };
}
type See = (value: unknown, most: number, ...kinds: string[]) => void;
function readBlock(block: unknown, see: See): void {
  if (!isObject(block)) throw new Refused('invalid_blocks');
  const { type, block_id: id, text, fields, elements } = block;
  refuseIf(id !== undefined && (typeof id !== 'string' || id.length > 255));
  switch (type) {
    case 'divider':
      onlyHas(block, 'type', 'block_id');
      break;
    case 'header':
      onlyHas(block, 'type', 'block_id', 'text');
      see(text, 150, 'plain_text');
      break;
    case 'section':
      onlyHas(block, 'type', 'block_id', 'text', 'fields', 'expand');
      refuseIf(text === undefined && fields === undefined);
      if (text !== undefined) see(text, 3000, 'plain_text', 'mrkdwn');
      if (fields !== undefined)
        for (const field of oneToTen(fields)) see(field, 2000, 'plain_text', 'mrkdwn');
      break;
    case 'context':
      onlyHas(block, 'type', 'block_id', 'elements');
      for (const element of oneToTen(elements)) see(element, 3000, 'plain_text', 'mrkdwn');
      break;
    default:
      throw new Refused('invalid_blocks');
  }
}
function oneToTen(value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > 10) throw new Refused('invalid_blocks');
  return value as readonly unknown[];
}
/** Checks a text object, and returns its text as it is shown. */
function readText(value: unknown, most: number, kinds: readonly string[], effects: string[]): string {
  if (!isObject(value)) throw new Refused('invalid_blocks');
  const { type, text, emoji = true, verbatim = false } = value;
  refuseIf(!kinds.includes(String(type)));
  if (type === 'plain_text') onlyHas(value, 'type', 'text', 'emoji');
  else onlyHas(value, 'type', 'text', 'verbatim');
  if (typeof text !== 'string') throw new Refused('invalid_blocks');
  refuseIf(text.trim().length < 1 || text.length > most || typeof emoji !== 'boolean');
  effects.push(...controls(text));
  if (type === 'mrkdwn') effects.push(...formatting(text), ...(verbatim === true ? [] : bareLinks(text)));
  else if (emoji) effects.push(...emojis(text));
  return decoded(text);
}

/** What `<` begins, and characters that should have been escaped or that change how other text is shown. */
function controls(text: string): string[] {
  const found = [...text.matchAll(/<([^<>|]*)(?:\|([^<>]*))?>/g)].map(([, target]) =>
    /^[!@#]/.test(target!) ? `mention ${target}` : `link ${target}`,
  );
  const rest = text.replace(/<[^<>]*>/g, '').replace(/&(amp|lt|gt);/g, '');
  const bare = [...rest.matchAll(/[&<>]/g)].map(([character]) => `unescaped ${character}`);
  const odd = [
    ...text.matchAll(/[^\P{Cf}\u200c\u200d]|[\p{Cs}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/gu),
  ].map(([character]) => `control U+${character.codePointAt(0)!.toString(16)}`);
  return [...found, ...bare, ...odd];
}
const MARKED: Readonly<Record<string, RegExp>> = {
  bold: /\*[^\s*][^*\n]*\*/,
  italic: /_[^\s_][^_\n]*_/,
  strike: /~[^\s~][^~\n]*~/,
  code: /`[^`\n]+`/,
};
function formatting(text: string): string[] {
  const plain = text.replace(/<[^<>]*>/g, '');
  return [
    ...Object.entries(MARKED).flatMap(([name, marked]) => (marked.test(plain) ? [name] : [])),
    ...(/^&gt;/m.test(plain) ? ['quote'] : []),
    ...emojis(plain),
  ];
}
const emojis = (text: string) => [...text.matchAll(/:[a-z0-9_+-]+:/g)].map(([name]) => `emoji ${name}`);
const bareLinks = (text: string) =>
  [...text.replace(/<[^<>]*>/g, '').matchAll(/https?:\/\/\S+/g)].map(([url]) => `link ${url}`);
const bareNames = (text: string) => [...text.matchAll(/(?:^|\s)@\w+/g)].map(([name]) => `mention ${name}`);
function decoded(text: string): string {
  const CHARACTERS: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>' };
  return text
    .replace(/<[^<>|]*\|([^<>]*)>/g, '$1')
    .replace(/&(amp|lt|gt);/g, (_, name: string) => CHARACTERS[name]!);
}
