/**
 * A module that is loaded by its address, by a thread or a process: in a checkout its source, in the package what was
 * emitted of it. It ends as the caller's own address does.
 */
export function moduleBeside(caller: string, path: string): URL {
  return new URL(`${path}${caller.endsWith('.ts') ? '.ts' : '.js'}`, caller);
}
