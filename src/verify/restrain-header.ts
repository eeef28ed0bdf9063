/**
 * Makes a message fit for parsers we did not write: signatures beyond the tenth, those too long to be serious
 * and those of a part of the body (l=) beyond the second are left out; a header beyond reason is refused as a whole. Linear; the body is not copied unless a field is left out.
 */

const MAX_HEADER = 256 * 1024;
const MAX_LINES = 3000;
const MAX_FIELD = 16 * 1024;
const MAX_SIGNATURES = 10;
/** Each l= has the whole body hashed once more. */
const MAX_PARTIAL = 2;
const PARTIAL = /[:;]\s*l\s*=/i;
/** Fields whose values the verifier parses. */
const PARSED = /^(?:from|content-type|return-path|dkim-signature|arc-[a-z-]+)[ \t]*:/i;

export interface Restrained {
  /** null: the header is too large to be judged. */
  readonly message: Buffer | null;
  readonly ignoredSignatures: number;
}

/** `bodyStart` is the offset of the first body octet. */
export function restrainHeader(message: Buffer, bodyStart: number): Restrained {
  if (bodyStart > MAX_HEADER) return { message: null, ignoredSignatures: 0 };
  const header = message.toString('latin1', 0, bodyStart);
  const kept: string[] = [];
  let lines = 0;
  let signatures = 0;
  let partial = 0;
  let ignored = 0;
  for (let start = 0; start < header.length; ) {
    let end = header.indexOf('\n', start);
    lines += 1;
    while (end >= 0 && (header[end + 1] === ' ' || header[end + 1] === '\t')) {
      end = header.indexOf('\n', end + 1);
      lines += 1;
    }
    const field = header.slice(start, end < 0 ? header.length : end + 1);
    start += field.length;
    if (lines > MAX_LINES) return { message: null, ignoredSignatures: ignored };
    const parsed = PARSED.test(field);
    if (parsed && /^dkim/i.test(field)) {
      signatures += 1;
      if (PARTIAL.test(field)) partial += 1;
      if (
        signatures > MAX_SIGNATURES ||
        field.length > MAX_FIELD ||
        (partial > MAX_PARTIAL && PARTIAL.test(field))
      ) {
        ignored += 1;
        continue;
      }
    } else if (parsed && field.length > MAX_FIELD) {
      return { message: null, ignoredSignatures: ignored };
    }
    kept.push(field);
  }
  if (ignored === 0) return { message, ignoredSignatures: 0 };
  return {
    message: Buffer.concat([Buffer.from(kept.join(''), 'latin1'), message.subarray(bodyStart)]),
    ignoredSignatures: ignored,
  };
}
