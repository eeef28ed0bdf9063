/** The relaxed form of a header field, as signatures compare it (RFC 6376 §3.4.2). Linear. */
const [SP, TAB] = [32, 9];

/** With the final CRLF. `text` is one field, one character per octet. */
export function relaxField(text: string): string {
  const colon = text.indexOf(':');
  const name = text.slice(0, colon).trimEnd().toLowerCase();
  const value = text.slice(colon + 1).replaceAll('\r\n', '');
  return `${name}:${squeeze(value)}\r\n`;
}

/** Runs of space and tab become one space, none at either end. A loop: a regular expression's `+$` is quadratic. */
function squeeze(value: string): string {
  const words: string[] = [];
  let start = -1;
  for (let i = 0; i <= value.length; i += 1) {
    const code = i < value.length ? value.charCodeAt(i) : SP;
    if (code === SP || code === TAB) {
      if (start >= 0) words.push(value.slice(start, i));
      start = -1;
    } else if (start < 0) {
      start = i;
    }
  }
  return words.join(' ');
}
