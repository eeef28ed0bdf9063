/**
 * The body of a request to a hook, signed and counted while it is rendered. A small body stays in memory until it
 * is sent. A large body is rendered once for the signature and again for sending, so it is never completely in
 * memory; it takes one of a few places that are shared by project. Rejects if rendering does, or with NoPlace.
 */
import type { HttpBody } from '../runtime/http-client.ts';
import type { Places } from '../runtime/places.ts';
import type { RenderedEvent } from './render-event.ts';
import type { WebhookSigner } from './webhook-signature.ts';

/** Maximum octets of a body that stays in memory. */
const KEPT = 512 * 1024;
/** How long a large body waits for a place, ms. */
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
