/** Readers of text settings of DNS providers. */
import { isIP } from 'node:net';
import { parseDomain } from '../../mail/domain.ts';
import type { ReadText } from '../../runtime/settings.ts';

const judged =
  (isWell: (text: string) => boolean, wrong: string): ReadText =>
  (text) =>
    isWell(text) ? { value: text } : { wrong };

/** The address of an API, without a slash at its end. */
export const url: ReadText = (text, allowPrivate) => {
  const parsed = URL.parse(text);
  if (
    parsed === null ||
    parsed.username !== '' ||
    parsed.password !== '' ||
    parsed.search !== '' ||
    parsed.hash !== '' ||
    /[?#]/.test(text)
  )
    return { wrong: 'must be a URL without credentials, query and fragment' };
  return parsed.protocol === 'https:' || (allowPrivate && parsed.protocol === 'http:')
    ? { value: parsed.href.replace(/(?<!\/)\/+$/, '') }
    : { wrong: 'must be https' };
};
export const host = judged(
  (text) => isIP(text) !== 0 || parseDomain(text) !== null,
  'must be a host name or an IP address',
);
export const port = judged(
  (text) => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535,
  'must be a port number',
);
export const base64 = judged(
  (text) => Buffer.from(text, 'base64').length >= 16 && /^[A-Za-z0-9+/]+={0,2}$/.test(text),
  'must be base64 of at least 16 octets',
);
export const keyName = judged(
  (text) => /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/i.test(text) && text.length <= 253,
  'must be the name of a key',
);
