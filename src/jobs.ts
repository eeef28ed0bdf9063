/** What the workers do: pure functions of the rooms, put together here as `service.ts` puts together the rest. */
import { createReadJob } from './reading/reader.ts';
import { stripForgedResults } from './verify/forged-results.ts';

export { hashBodies } from './verify/body-hash.ts';
export const read = createReadJob((raw, hostname) =>
  stripForgedResults(raw, hostname).removed.map(({ start, end }) => [start, end]),
);
export { convertMessage } from './delivery/convert.ts';
export { eventJson } from './edj/event-json.ts';
export { renderPiece } from './edj/octet-pieces.ts';
