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
    .flatMap((value) => (typeof value === 'string' && value !== '' ? partsOf(value) : []))
    .sort(([a], [b]) => b.length - a.length)
    .reduce((rest, [secret, shown]) => rest.replaceAll(secret, () => shown), text);
}
/** What is taken out, each with what stands in its place. */
function partsOf(secret: string): readonly (readonly [secret: string, shown: string])[] {
  const url = /^https?:/.test(secret) ? URL.parse(secret) : null;
  if (url === null) return [[secret, MASK]];
  const path = url.pathname.slice(1);
  const parts = [`${path}${url.search}`, path, ...path.split('/'), ...url.searchParams.values()];
  return [
    [`${url.host}/${path}${url.search}`, `${url.host}/${MASK}`],
    ...parts.filter((part) => part.length >= SHORTEST_PART).map((part) => [part, MASK] as const),
  ];
}
