/** The first so many of many names, in order, without ordering all of them: a page of a long queue costs one look at each. */
export function firstNames(
  names: Iterable<string>,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): readonly string[] {
  const first: string[] = [];
  for (const name of names) {
    if (after !== null && name <= after) continue;
    if (first.length >= limit && name >= first.at(-1)!) continue;
    let [low, high] = [0, first.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (first[middle]! < name) low = middle + 1;
      else high = middle;
    }
    first.splice(low, 0, name);
    if (first.length > limit) first.pop();
  }
  return first;
}
