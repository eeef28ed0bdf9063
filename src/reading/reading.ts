/**
 * The reading of a message, made once: its decoded texts, and where the other parts are in its octets.
 * Invariants: a reading depends only on the octets (and, for `forged`, on our own name); offsets are into the
 * message as it is stored; nothing in it is larger than the limits here.
 */
import type { Span } from '../mail/structure.ts';
import type { Encoding } from './transfer.ts';

/** The version of the stored form. A reading keeps the version that it was made with. */
export const VERSION = 1;
/** The most octets of UTF-8 that are kept of a text, and the most of HTML. */
export const MOST_TEXT = 256 * 1024;

/** `at`: the text stands there in the message, in UTF-8. It is shown with LF line ends. */
export type TextOf = { readonly at: Span } | { readonly value: string };
export interface ReadMailbox {
  readonly name: string | null;
  readonly address: string;
}
/** A part that is not shown as text. */
export interface Part {
  /** type/subtype, lower case. */
  readonly contentType: string;
  readonly disposition: string | null;
  readonly name: string | null;
  readonly contentId: string | null;
  readonly encoding: Encoding;
  readonly at: Span;
  /** Decoded size, in octets. */
  readonly size: number;
}
export interface Reading {
  readonly version: number;
  readonly bodyStart: number;
  /** The body is valid UTF-8. */
  readonly utf8: boolean;
  readonly subject: string | null;
  /** ISO 8601 */
  readonly date: string | null;
  readonly from: readonly ReadMailbox[];
  readonly sender: readonly ReadMailbox[];
  readonly replyTo: readonly ReadMailbox[];
  readonly to: readonly ReadMailbox[];
  readonly cc: readonly ReadMailbox[];
  readonly text: TextOf | null;
  readonly html: TextOf | null;
  /** The text of the HTML if there is no text part; for the summary. */
  readonly summary: string | null;
  readonly parts: readonly Part[];
  /** Authentication-Results fields that claim to be from this host. */
  readonly forged: readonly Span[];
  /** In kebab-case; each once. */
  readonly defects: readonly string[];
}
