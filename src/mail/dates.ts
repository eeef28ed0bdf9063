/** Dates in messages (RFC 5322 §3.3), always in UTC. */
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Wall time in ms to `Tue, 03 Nov 2026 01:00:00 +0000`. */
export function formatDate(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${DAYS[date.getUTCDay()]}, ${two(date.getUTCDate())} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

const DATE =
  /^(?:[a-z]{2,9} ?,? ?)?(\d{1,2}) ([a-z]{3})[a-z]{0,6} (\d{2,4}) (\d{1,2}):(\d{2})(?::(\d{2}))? ?([+-]\d{4}|[a-z]{1,5})?/i;
/** RFC 5322 §4.3, and Japan's; the letters of the military say nothing (+0000), as what is not known. */
const ZONES: Readonly<Record<string, number>> = {
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
  JST: 9,
};

/** Wall time in ms of a Date field's value (obsolete forms included); null where it is none. */
export function parseDate(value: string): number | null {
  if (value.length > 200) return null;
  const found = DATE.exec(value.replace(/\s+/g, ' ').trim());
  if (found === null) return null;
  const [, day, month, year, hour, minute, second = '0', zone = ''] = found;
  const at = {
    month: MONTHS.indexOf(month![0]!.toUpperCase() + month!.slice(1).toLowerCase()),
    year: Number(year),
  };
  if (year!.length < 4) at.year += year!.length === 2 && at.year < 50 ? 2000 : 1900;
  const ms = Date.UTC(
    at.year,
    at.month,
    Number(day),
    Number(hour),
    Number(minute),
    Math.min(59, Number(second)),
  );
  const whole = new Date(ms);
  if (at.month < 0 || whole.getUTCDate() !== Number(day) || Number(hour) > 23 || Number(minute) > 59)
    return null;
  const numeric = /^([+-])(\d\d)(\d\d)$/.exec(zone);
  const minutes =
    numeric === null
      ? 60 * (ZONES[zone.toUpperCase()] ?? 0)
      : Number(`${numeric[1]}1`) * (60 * Number(numeric[2]) + Number(numeric[3]));
  return ms - minutes * 60_000;
}
