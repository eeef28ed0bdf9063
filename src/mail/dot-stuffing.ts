/**
 * Transparency (RFC 5321 §4.5.2): a leading dot is doubled, the end is CRLF.CRLF. A message without leading dots, nearly
 * every one, is not copied; any other is copied once, however many dots it has.
 */
const DOT = 46;
const LINE_END = Buffer.from('\r\n');
const TERMINATOR = Buffer.from('.\r\n');

/** The message as DATA sends it, in parts, end of data included; a missing final CRLF is added. */
export function dotStuffed(message: Buffer): readonly Buffer[] {
  const n = message.length;
  const whole = n === 0 || (message[n - 2] === 13 && message[n - 1] === 10);
  const end = whole ? [TERMINATOR] : [LINE_END, TERMINATOR];
  let dots = message[0] === DOT ? 1 : 0;
  for (let at = nextDot(message, 0); at !== -1; at = nextDot(message, at)) dots += 1;
  if (dots === 0) return [message, ...end];
  const stuffed = Buffer.allocUnsafe(n + dots);
  let from = 0;
  let to = 0;
  if (message[0] === DOT) stuffed[to++] = DOT;
  for (let at = nextDot(message, 0); at !== -1; at = nextDot(message, at)) {
    to += message.copy(stuffed, to, from, at);
    stuffed[to++] = DOT;
    from = at;
  }
  message.copy(stuffed, to, from);
  return [stuffed, ...end];
}

/** Index of the next dot behind a line end, after `from`; -1 where there is none. */
function nextDot(message: Buffer, from: number): number {
  const at = message.indexOf('\r\n.', from, 'latin1');
  return at === -1 ? -1 : at + 2;
}
