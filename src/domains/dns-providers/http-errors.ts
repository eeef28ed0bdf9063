/** A request to a provider over HTTP. Every failure becomes a DnsProviderError. */
import { HttpError, PRIVATE_ADDRESS } from '../../runtime/http-client.ts';
import { DnsProviderError } from './provider.ts';

/** Finds the code of an error that `fetch` rejected with, wherever a library has put it. */
export function connectionError(error: unknown): DnsProviderError {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth += 1) {
    if (at instanceof DnsProviderError) return at;
    if (at instanceof HttpError)
      return new DnsProviderError(
        at.code === 'blocked-address' ? 'blocked-address' : 'unreachable',
        at.message,
      );
    const { code } = at as { code?: unknown };
    if (code === 'EBLOCKED') return new DnsProviderError('blocked-address', PRIVATE_ADDRESS);
    if (typeof code === 'string' && /^[A-Z][A-Z_]+$/.test(code))
      return new DnsProviderError('unreachable', `the connection failed: ${code}`);
  }
  return new DnsProviderError('unreachable', 'there was no answer in time, or none that is understood');
}
/**
 * Sends a request and reads at most so many octets of the answer. The limit is needed because the owner of an account may
 * name any server, and this process handles everybody's mail. Rejects with DnsProviderError.
 */
export async function exchange(
  fetch: typeof globalThis.fetch,
  url: string | URL,
  init: RequestInit,
  mostOctets: number,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await fetch(url, init);
    return { status: response.status, text: await textOf(response, mostOctets) };
  } catch (error) {
    throw connectionError(error);
  }
}
async function textOf(response: Response, mostOctets: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    octets += chunk.length;
    if (octets > mostOctets)
      throw new DnsProviderError('unreachable', `the answer has more than ${mostOctets} octets`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
/** A provider's text on one line. It may still hold secrets: accounts.ts cuts it and hides it. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
}
