/** Puts columns of several tables into one row, each under its table's alias, and takes them apart again. */
type Cells = Record<string, unknown>;

/** 'r', 'id name' is 'r.id AS r_id, r.name AS r_name'. */
export function columnsOf(alias: string, names: string): string {
  return names
    .split(' ')
    .map((name) => `${alias}.${name} AS ${alias}_${name}`)
    .join(', ');
}
/** null if the joined row is missing. */
export function partOf<R>(row: Cells, alias: string): R | null {
  const part: Cells = {};
  for (const name of Object.keys(row)) {
    if (name.startsWith(`${alias}_`)) part[name.slice(alias.length + 1)] = row[name];
  }
  return part['id'] === null ? null : (part as R);
}
