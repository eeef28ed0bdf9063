/**
 * Bodies of events one at a time: rendering a large message takes CPU and twice its size, so renderings follow each
 * other, with a turn of the event loop between, and the next one waits while those being sent hold too many octets.
 */
export interface BodyGate {
  /** Renders when it may, then uses the body; its octets count until `use` has ended. Rejects with what either rejects with. */
  pass<T>(render: () => Promise<Buffer>, use: (body: Buffer) => Promise<T>): Promise<T>;
}

/** `most`: octets of bodies being sent above which nothing more is rendered. */
export function createBodyGate(most = 32 * 1024 * 1024): BodyGate {
  const state = { held: 0, last: Promise.resolve() as Promise<unknown> };
  const waiting: (() => void)[] = [];

  async function render(make: () => Promise<Buffer>): Promise<Buffer> {
    await new Promise((resolve) => setImmediate(resolve));
    while (state.held > most) await new Promise<void>((resolve) => waiting.push(resolve));
    const body = await make();
    state.held += body.length;
    return body;
  }
  return {
    async pass(make, use) {
      const rendered = state.last.then(() => render(make));
      state.last = rendered.catch(() => null);
      const body = await rendered;
      try {
        return await use(body);
      } finally {
        state.held -= body.length;
        for (const wake of waiting.splice(0)) wake();
      }
    },
  };
}
