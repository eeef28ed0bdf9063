/** The readable parts of an event: its text, its attachments, and the defects that made exact reading impossible. */
import type { TopicEvent } from '../../api/resources.ts';

export interface Readable {
  /** null: the event has no text besides the summary. */
  readonly text: string | null;
  /** The text was cut: there is more of it. */
  readonly isCut: boolean;
  readonly attachments: readonly {
    readonly name: string | null;
    readonly type: string;
    readonly size: number | null;
  }[];
  readonly defects: readonly string[];
}
type Fields = Readonly<Record<string, unknown>>;
const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** `most`: the maximum number of characters of the text. */
export function readable({ content, attachments }: TopicEvent, most: number): Readable {
  const { parsed, defects } = fields(content);
  const { text: whole, attachments: parts } = fields(parsed);
  const shown = list(parts).length > 0 ? list(parts) : attachments;
  return {
    text: text(whole)?.slice(0, most) ?? null,
    isCut: (text(whole)?.length ?? 0) > most,
    attachments: shown.map(fields).map((part) => ({
      name: text(part['name']) ?? text(part['filename']),
      type: text(part['content_type']) ?? '',
      size: typeof part['size'] === 'number' ? part['size'] : null,
    })),
    defects: [...new Set(list(defects).map(String))],
  };
}
