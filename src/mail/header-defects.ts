/**
 * What is wrong with a header, in the names that events carry (`content.defects`), and whether it leaves open who wrote the
 * mail. Pure functions of the one reading of a header.
 */
import { authorMailboxes } from './authors.ts';
import type { HeaderDefect, HeaderSection } from './headers.ts';

/** Each name once, in the order of the header. A header without an empty line is no defect: RFC 5322 §2.1. */
export function defectNames(section: HeaderSection): string[] {
  const names = new Set(sectionDefects(section));
  for (const { name, rawValue } of section.fields)
    if ((name === 'from' || name === 'sender') && authorMailboxes(rawValue) === null)
      names.add(`${name}-unreadable`);
  return [...names];
}
/** The same without what is in the fields of authors. */
export function sectionDefects({ defects, fields }: HeaderSection): string[] {
  const names = defects.flatMap(nameOf);
  if (!fields.some(({ name }) => name === 'from')) names.push('from-missing');
  return names;
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
