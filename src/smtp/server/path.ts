/** The arguments of MAIL and RCPT: a path in angle brackets and its parameters (RFC 5321 §4.1.1.2, §4.1.2). */
export interface PathAndParameters {
  /** Between the brackets, as given. */
  readonly address: string;
  /** Upper-case keyword to value; '' where there is none. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * Null where it is not `<path> *(SP keyword[=value])`; a blank before the bracket is let pass. A source route is left out:
 * the address is judged like any other, so a route opens nothing.
 */
export function parsePath(text: string): PathAndParameters | null {
  let at = 0;
  while (text[at] === ' ') at++;
  if (text[at] !== '<') return null;
  const start = ++at;
  let quoted = false;
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (quoted && char === '\\') at++;
    else if (char === '"') quoted = !quoted;
    else if (char === '>' && !quoted) break;
    else if ((char === '<' || char === ' ') && !quoted) return null;
  }
  if (at >= text.length) return null;
  const address = withoutRoute(text.slice(start, at));
  if (address === null) return null;
  const rest = text.slice(at + 1);
  if (rest !== '' && !rest.startsWith(' ')) return null;
  const parameters = new Map<string, string>();
  for (const part of rest.split(' ').filter((word) => word !== '')) {
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^=\s\x00-\x1f\x7f]+))?$/.exec(part);
    if (match === null || parameters.has(match[1]!.toUpperCase())) return null;
    parameters.set(match[1]!.toUpperCase(), match[2] ?? '');
  }
  return { address, parameters };
}

/** RFC 5321 §4.1.1.3, appendix C: `@a.test,@b.test:user@c.test` is user@c.test. null: behind the route stands no mailbox. */
function withoutRoute(path: string): string | null {
  if (!path.startsWith('@')) return path;
  const colon = path.indexOf(':');
  const hosts = path.slice(0, Math.max(colon, 0)).split(',');
  const mailbox = path.slice(colon + 1);
  if (!hosts.every((host) => /^@[^@,:;<>()"\\[\]\s]+$/.test(host))) return null;
  return mailbox.startsWith('@') || !mailbox.includes('@') ? null : mailbox;
}
