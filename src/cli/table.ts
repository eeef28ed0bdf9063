/** A table for people: a line of column names, and columns as wide as their longest cell. Pure. */

/** Control characters in texts from other hosts must not reach the terminal. */
export const plain = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');

/** Ends with a line break. `numbers`: columns that are set to the right. */
export function table(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: ReadonlySet<string> = new Set(),
): string {
  const cells = rows.map((row) => row.map(plain));
  const widths = columns.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (numbers.has(columns[i]!) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [columns, ...cells].map((row) => `${line(row)}\n`).join('');
}
