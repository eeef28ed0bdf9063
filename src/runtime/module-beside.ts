/**
 * The URL of a module that a thread or process loads: its source in a checkout, the emitted file in the
 * package. It has the same file extension as the caller's own URL.
 */
export function moduleBeside(caller: string, path: string): URL {
  return new URL(`${path}${caller.endsWith('.ts') ? '.ts' : '.js'}`, caller);
}
