/** Transparency (RFC 5321 §4.5.2): a leading dot is doubled, the end is CRLF.CRLF. One pass, one buffer. */
const DOT = 46;
const TERMINATOR = Buffer.from('.\r\n');

/** The message as DATA sends it, end of data included; a missing final CRLF is added. */
export function dotStuff(message: Buffer): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  if (message[0] === DOT) {
    parts.push(Buffer.from('.'));
  }
  for (
    let at = message.indexOf('\r\n.', 0, 'latin1');
    at !== -1;
    at = message.indexOf('\r\n.', at + 3, 'latin1')
  ) {
    parts.push(message.subarray(from, at + 3));
    from = at + 2;
  }
  parts.push(message.subarray(from));
  const n = message.length;
  if (n > 0 && !(message[n - 2] === 13 && message[n - 1] === 10)) parts.push(Buffer.from('\r\n'));
  parts.push(TERMINATOR);
  return Buffer.concat(parts);
}
