/** SQLite's errors in words for the operator, with what to do. https://www.sqlite.org/rescode.html */

/** What to do about a damaged store. */
export const DAMAGED =
  'keep a copy of hikyaku.sqlite and its -wal, check that the disk is sound, and restore a backup (hikyaku restore FILE --force); without a backup, see docs/operations.md under "When the store is damaged, full or held"';
const WORDS: Readonly<Record<number, string>> = {
  8: 'the store is not writable: check the permissions of its directory and how the disk is mounted',
  10: 'the disk fails: read the system’s log, repair or replace the disk, and start again; if the store is then damaged, restore a backup',
  11: `the store is damaged: ${DAMAGED}`,
  13: 'the disk is full: make room and try again; the store is unchanged',
  // SQLITE_IOERR_SHMSIZE: the memory that its readers share takes 32 KiB of the disk
  4874: 'the disk is full or fails: make room and try again; the store is unchanged',
  14: 'the store cannot be opened: check that its directory exists, and its permissions',
  26: `hikyaku.sqlite is not a store, or its beginning is damaged: ${DAMAGED}`,
};

/** null if it is not an error of SQLite, or not one that a person must handle. */
export function sqliteWords(error: unknown): string | null {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  const words = typeof code === 'number' ? (WORDS[code] ?? WORDS[code & 0xff]) : undefined;
  return words === undefined ? null : `${(error as Error).message}: ${words}`;
}
