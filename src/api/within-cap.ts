/**
 * Counted caps. A cap that is reached is refused before anything is made. If parallel requests take the last
 * place, the store refuses the write (store/control/caps.ts), and the answer is the same problem.
 */
import { StaleError } from '../runtime/transactor.ts';
import type { Problem } from './problems.ts';

export async function withinCap<T>(
  act: () => Promise<T>,
  { reached, problem }: { readonly reached: () => Promise<boolean>; readonly problem: () => Problem },
): Promise<T> {
  if (await reached()) throw problem();
  try {
    return await act();
  } catch (error) {
    if (error instanceof StaleError && (await reached())) throw problem();
    throw error;
  }
}
