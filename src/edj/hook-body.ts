/**
 * The body of a hook: signed and counted as it is rendered. What is small stays as it is until it has been sent; what is
 * large is rendered once to be signed and again to be sent, never there as a whole, and takes one of a few places that
 * are shared by project. Rejects with what rendering rejects with, and with NoPlace.
 */
import type { HttpBody } from '../runtime/http-client.ts';
import type { Places } from '../runtime/places.ts';
import type { RenderedEvent } from './render-event.ts';
import type { WebhookSigner } from './webhook-signature.ts';

/** Octets that are kept. */
const KEPT = 512 * 1024;
/** ms for which a large one waits for its place. */
const WAIT_MS = 60_000;

export interface HookBody extends Disposable {
  readonly octets: HttpBody;
}

export async function signedBody(
  rendered: RenderedEvent,
  signer: WebhookSigner,
  large: { readonly places: Places; readonly share: string; readonly signal: AbortSignal },
): Promise<HookBody> {
  const { places, share, signal } = large;
  let kept: Buffer[] | null = [];
  let length = 0;
  using stack = new DisposableStack();
  for await (const piece of rendered.pieces(signal)) {
    signer.update(piece);
    length += piece.length;
    kept?.push(piece);
    if (kept === null || length <= KEPT) continue;
    kept = null;
    stack.use(await places.take(share, { waitMs: WAIT_MS, signal }));
  }
  const place = stack.move();
  return {
    octets: kept === null ? { length, pieces: rendered.pieces } : Buffer.concat(kept, length),
    [Symbol.dispose]: () => place.dispose(),
  };
}
