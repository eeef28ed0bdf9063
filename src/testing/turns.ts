/** For tests: the turns and counts that the doors ask, of an instance with time for everybody. Imported by tests only. */
import type { Clock } from '../runtime/clock.ts';
import { createInFlight } from '../runtime/in-flight.ts';
import type { Pressure } from '../runtime/pressure.ts';
import { createTurnstile } from '../runtime/turnstile.ts';

/** A loop that has rested whenever it is asked. */
export const pressureOf = (pressed: () => boolean): Pressure => ({ pressed, rested: () => true, went() {} });

export const turnsFor = (clock: Clock, pressed = false) => ({
  turnstile: createTurnstile(
    clock,
    pressureOf(() => pressed),
  ),
  inFlight: createInFlight(clock, () => {}),
});
