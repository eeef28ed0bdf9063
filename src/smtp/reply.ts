/** SMTP replies as values (RFC 5321 §4.2, enhanced codes RFC 2034, 3463). Text shown to peers stays generic. */
export interface Reply {
  readonly code: number;
  /** 'x.y.z' or null (greeting, EHLO, 354, 334). */
  readonly enhanced: string | null;
  /** One or more lines, ASCII without CR or LF, without codes. */
  readonly lines: readonly string[];
  /** The connection is closed after sending. */
  readonly close?: boolean;
}

export function reply(code: number, enhanced: string | null, ...lines: string[]): Reply {
  return { code, enhanced, lines };
}
/** A reply after which the connection ends. */
export function closing(code: number, enhanced: string | null, ...lines: string[]): Reply {
  return { code, enhanced, lines, close: true };
}
/** The bytes on the wire, CRLF-ended, every line carrying the code and the enhanced code. */
export function formatReply({ code, enhanced, lines }: Reply): string {
  const last = lines.length - 1;
  return lines
    .map((line, i) => `${code}${i === last ? ' ' : '-'}${enhanced === null ? '' : `${enhanced} `}${line}\r\n`)
    .join('');
}
