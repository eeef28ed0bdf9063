/** The beginning of a long answer. The rest is not read. */
export interface FirstPart {
  readonly text: string;
  /** The text is the whole answer. */
  readonly isWhole: boolean;
}

/** Reads at most about `most` octets and leaves out a character that is cut in two. If more follows, ends the answer. */
export async function firstPart(body: ReadableStream<Uint8Array>, most: number): Promise<FirstPart> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let octets = 0; octets <= most; ) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), isWhole: true };
    octets += value.length;
    text += decoder.decode(value.subarray(0, Math.max(0, most - octets + value.length)), { stream: true });
  }
  await reader.cancel();
  return { text, isWhole: false };
}
