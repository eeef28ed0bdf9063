/**
 * The local part of an account rule: the characters a-z 0-9 - _ . , 1 to 64 of them; no dot at the beginning
 * or the end, and no two dots in a row.
 */
const LOCAL_PART = /^(?=[a-z0-9\-_.]{1,64}$)[a-z0-9\-_]+(?:\.[a-z0-9\-_]+)*$/;

/** Whether an account rule may have this local part. Upper case is not folded: the caller gets an error. */
export function isRuleLocalPart(text: string): boolean {
  return text.length <= 64 && LOCAL_PART.test(text);
}
