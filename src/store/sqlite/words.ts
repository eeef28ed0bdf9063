/** SQLite's errors in words for the operator, with what to do. https://www.sqlite.org/rescode.html */

/** What to do about a damaged store. */
export const DAMAGED =
  'keep a copy of hikyaku.sqlite and its -wal, see that the disk is sound, and put a backup back (hikyaku restore FILE --force); without one, what can still be read is in docs/operations.md under "When the store is damaged, full or held"';
const WORDS: Readonly<Record<number, string>> = {
  8: 'the store cannot be written: look at the rights of its directory and at how the disk is mounted',
  10: 'the disk fails: look at the system’s log, mend or replace it, and start again; where the store is damaged then, put a backup back',
  11: `the store is damaged: ${DAMAGED}`,
  13: 'the disk is full: make room and try again; what was there is as it was',
  // SQLITE_IOERR_SHMSIZE: the memory that its readers share takes 32 KiB of the disk
  4874: 'the disk is full, or fails: make room and try again; what was there is as it was',
  14: 'the store cannot be opened: look at the rights of its directory, and whether it is there',
  26: `hikyaku.sqlite is no store, or damaged at its beginning: ${DAMAGED}`,
};

/** null if it is not an error of SQLite, or not one that a person must handle. */
export function sqliteWords(error: unknown): string | null {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  const words = typeof code === 'number' ? (WORDS[code] ?? WORDS[code & 0xff]) : undefined;
  return words === undefined ? null : `${(error as Error).message}: ${words}`;
}
