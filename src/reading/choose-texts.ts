/**
 * Chooses which parts are shown as the message's text and HTML, as mail programs do (RFC 2046 §5.1, RFC
 * 2387): from multipart/alternative one part of each kind, from multipart/related the first part, and
 * elsewhere all inline parts. All other parts are listed.
 */
import { findHeader } from '../mail/headers.ts';
import { readParameters } from '../mail/mime-parameters.ts';
import type { Container, Leaf } from '../mail/structure.ts';

export type TextKind = 'text' | 'html';

/** `most`: encoded octets of a kind after which no further part of that kind is shown. */
export function chooseTexts(leaves: readonly Leaf[], most: number): ReadonlyMap<Leaf, TextKind> {
  const shown = new Map<Leaf, TextKind>();
  const octets = { text: 0, html: 0 };
  /** For each alternative, the branch that shows a kind. */
  const branches = { text: new Map<Container, number>(), html: new Map<Container, number>() };
  for (const leaf of leaves) {
    const kind = leaf.type === 'text/plain' ? 'text' : leaf.type === 'text/html' ? 'html' : null;
    if (kind === null || octets[kind] >= most || !isInline(leaf, octets[kind] > 0)) continue;
    const around = alternativesAround(leaf);
    if (around.some(([one, branch]) => (branches[kind].get(one) ?? branch) !== branch)) continue;
    for (const [one, branch] of around) branches[kind].set(one, branch);
    shown.set(leaf, kind);
    octets[kind] += Math.max(1, leaf.at[1] - leaf.at[0]);
  }
  return shown;
}

/** A second text part with a file name is an attached file. */
function isInline({ fields, parameters, container, index }: Leaf, isSecond: boolean): boolean {
  if (container?.kind === 'related' && index > 0) return false;
  const disposition = readParameters(findHeader(fields, 'content-disposition')?.rawValue ?? '');
  if (disposition.value === 'attachment') return false;
  return !isSecond || !(disposition.parameters.has('filename') || parameters.has('name'));
}

function alternativesAround(leaf: Leaf): [Container, number][] {
  const around: [Container, number][] = [];
  let branch = leaf.index;
  for (let one = leaf.container; one !== null; one = one.parent) {
    if (one.kind === 'alternative') around.push([one, branch]);
    branch = one.index;
  }
  return around;
}
