/** RFC 5321 §2.3.8: CR and LF appear only together. */
/** The offset of the first CR without LF or LF without CR; -1 where there is none. */
export function findBareLineEnd(bytes: Buffer): number {
  let lf = bytes.indexOf(10);
  let cr = bytes.indexOf(13);
  while (lf !== -1 || cr !== -1) {
    if (cr === -1 || lf !== cr + 1) return cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
    lf = bytes.indexOf(10, lf + 1);
    cr = bytes.indexOf(13, cr + 1);
  }
  return -1;
}
