/** For tests: the turns and counts that the doors ask, of an instance with time for everybody. Imported by tests only. */
import type { Clock } from '../runtime/clock.ts';
import { createInFlight } from '../runtime/in-flight.ts';
import { createTurnstile } from '../runtime/turnstile.ts';

export const turnsFor = (clock: Clock, pressed = false) => ({
  turnstile: createTurnstile(clock, () => pressed),
  inFlight: createInFlight(clock),
});
