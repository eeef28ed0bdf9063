/**
 * Sends a request to the service that runs on this machine, through its control socket in the data directory.
 */
import { once } from 'node:events';
import { type IncomingMessage, request as post } from 'node:http';
import { join } from 'node:path';
import { CONTROL_SOCKET, NDJSON } from '../api/control.ts';
import type { Progress, Watch } from '../runtime/report.ts';

export interface Answer {
  readonly status: number;
  readonly json: unknown;
}
export interface Asked extends Watch {
  readonly directory: string;
  readonly path: string;
  readonly request: object;
  /** The error message if the service stops before it answers. */
  readonly ended: string;
}
/** null if no service runs. Rejects with the signal's reason. */
export async function askService(asked: Asked): Promise<Answer | null> {
  const { directory, path, request, ended, signal, report } = asked;
  const socketPath = join(directory, CONTROL_SOCKET);
  const call = post({ socketPath, path, method: 'POST', headers: { accept: NDJSON }, signal });
  call.on('error', () => {}); // after the answer has begun, reading it tells
  call.end(JSON.stringify(request));
  try {
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    let rest = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const told = JSON.parse(line) as Answer | { readonly progress: Progress };
        if (!('progress' in told)) return told;
        report(told.progress);
      }
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return null;
    signal.throwIfAborted();
    if (code !== 'ECONNRESET') throw error;
  }
  throw new Error(ended);
}
/** Why the service refused the request. */
export function detailOf({ json }: Answer): string {
  return (json as { detail?: string }).detail ?? 'the service refused';
}
