/**
 * Removes the secrets of a subscriber from text that others see: answers of its service, errors, previews. Of a secret
 * URL the host stays; its path and query go, and so do their parts that stand elsewhere. Linear.
 */
import type { Settings } from '../../runtime/settings.ts';

const MASK = '***';
/** A shorter part of a URL is an ordinary word. */
const SHORTEST_PART = 9;

/** `sealed`: the opened sealed settings. */
export function masked(text: string, sealed: Settings): string {
  return Object.values(sealed)
    .flatMap((value) => (typeof value === 'string' ? partsOf(value) : []))
    .sort((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, MASK), text);
}
function partsOf(secret: string): readonly string[] {
  const url = /^https?:/.test(secret) ? URL.parse(secret) : null;
  if (url === null) return secret === '' ? [] : [secret];
  const rest = `${url.pathname}${url.search}`.slice(1);
  const parts = [...url.pathname.split('/'), ...url.searchParams.values()].filter(
    (part) => part.length >= SHORTEST_PART,
  );
  return [rest, url.pathname.slice(1), ...parts].filter((part) => part !== '');
}
