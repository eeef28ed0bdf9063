/**
 * The main task on real input: one instance sends by SMTP (like ports 465 and 587) and by the HTTP API; a
 * second, separate instance receives at its MX, verifies, and posts events to a hook. Prints the trace; exits
 * 0 only if every octet arrived.
 */
import { randomBytes } from 'node:crypto';
import { generateTrace, type Trace } from '../test/journeys/first-mail-trace.ts';

const trace: Trace = { step: (text) => process.stdout.write(`${text}\n`) };
try {
  const figures = await generateTrace(trace, randomBytes(4).toString('hex'));
  trace.step(
    `first mail: ${figures.messages} messages, ${figures.recipients} recipients, ${figures.octets} octets, all arrived`,
  );
} catch (error) {
  process.stderr.write(
    `first mail: FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
}
