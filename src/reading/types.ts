/**
 * What is read of a message, once: what it says in decoded words, and where in its octets the rest lies. Invariants: a
 * reading is a function of the octets alone (and of our own name, for `forged`); offsets are into the message as it is
 * stored; nothing in it is larger than is said here.
 */
import type { Encoding } from './transfer.ts';

/** The form of what is stored. A reading keeps the version it was made with. */
export const VERSION = 1;
/** Octets of UTF-8 that are kept of a text, and as many of HTML. */
export const MOST_TEXT = 256 * 1024;
export const MOST_PARTS = 1000;
/** Multiparts within each other. */
export const MOST_LEVELS = 50;

/** `at`: it stands there in the message as it is, in UTF-8. Line ends are LF where it is shown. */
export type TextOf = { readonly at: Span } | { readonly value: string };
/** Octet offsets: from, and behind the last. */
export type Span = readonly [start: number, end: number];
export interface ReadMailbox {
  readonly name: string | null;
  readonly address: string;
}
/** A leaf that is not shown as text. */
export interface Part {
  /** type/subtype, lower case. */
  readonly contentType: string;
  readonly disposition: string | null;
  readonly name: string | null;
  readonly contentId: string | null;
  readonly encoding: Encoding;
  readonly at: Span;
  /** Octets, decoded. */
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
  /** What the HTML says, where there is no text: for the summary. */
  readonly summary: string | null;
  readonly parts: readonly Part[];
  /** Authentication-Results that claim to be ours. */
  readonly forged: readonly Span[];
  /** In kebab-case, each once. */
  readonly defects: readonly string[];
}
