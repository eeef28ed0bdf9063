/** What rendering events needs, from a real store, with real threads. */
import { createReadStored } from '../edj/read-stored.ts';
import type { RenderDeps } from '../edj/render-event.ts';
import * as jobs from '../jobs.ts';
import { createReader, type Reader } from '../reading/reader.ts';
import { systemClock } from '../runtime/clock.ts';
import { createCollector } from '../runtime/collect.ts';
import { createWorkers } from '../runtime/workers.ts';
import type { Store } from '../store/store.ts';

export interface Rendering extends AsyncDisposable {
  readonly deps: RenderDeps;
  readonly readMail: Reader;
}
export function createRendering(store: Store, publicUrl = 'http://x'): Rendering {
  const workers = createWorkers({ jobs: new URL('../jobs.ts', import.meta.url), clock: systemClock });
  const readMail = createReader({ workers, read: jobs.read, hostname: 'mx.hikyaku.test' });
  return {
    readMail,
    deps: {
      spool: store.read,
      workers,
      readStored: createReadStored({
        spool: store.read,
        read: readMail,
        keep: (project, id, reading) =>
          store.transact(project, (tx) => tx.storeReading(project, id, reading)),
        clock: systemClock,
      }),
      released: createCollector().released,
      publicUrl,
    },
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}
