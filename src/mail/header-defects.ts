/**
 * What is wrong with a header, in the names that events carry (`content.defects`), and whether it leaves open who wrote the
 * mail. Pure functions of the one reading of a header.
 */
import { authorMailboxes } from './authors.ts';
import type { HeaderDefect, HeaderField, HeaderSection } from './headers.ts';

/** Each name once, in the order of the header. A header without an empty line is no defect: RFC 5322 §2.1. */
export function defectNames(section: HeaderSection): string[] {
  const names = section.defects.flatMap(nameOf);
  const from = section.fields.filter(({ name }) => name === 'from');
  if (from.length === 0) names.push('from-missing');
  if (!from.every(isMailboxList)) names.push('from-unreadable');
  if (!section.fields.filter(({ name }) => name === 'sender').every(isMailboxList))
    names.push('sender-unreadable');
  return [...new Set(names)];
}

function nameOf({ kind, field }: HeaderDefect): string[] {
  switch (kind) {
    case 'duplicate':
      return [`several-${field?.toLowerCase()}`];
    case 'too-large':
      return ['header-too-large'];
    case 'no-end':
      return [];
    default:
      return [kind];
  }
}

const LEAVES_AUTHOR_OPEN = new Set([
  'not-a-field',
  'nul',
  'too-many-fields',
  'header-too-large',
  'several-from',
  'several-sender',
  'from-missing',
  'from-unreadable',
]);

/** Readers could differ about who wrote it: nothing may count as aligned with its author. */
export function authorIsOpen(section: HeaderSection): boolean {
  return defectNames(section).some((name) => LEAVES_AUTHOR_OPEN.has(name));
}

function isMailboxList({ rawValue }: HeaderField): boolean {
  return authorMailboxes(rawValue) !== null;
}
