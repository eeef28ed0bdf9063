/**
 * `fetch` for talking to services that a customer names, in the form that client libraries take. As with hooks, the
 * address that is connected to decides (http-client.ts): private ones are refused before a packet leaves. Redirects are
 * not followed, an answer has a limit in octets and time. Rejects with HttpError for what is refused here, and with
 * fetch's own errors otherwise.
 */
import { isIP } from 'node:net';
import { fetch as undiciFetch } from 'undici';
import { isPrivateAddress } from './addresses.ts';
import { agentFor } from './http-agents.ts';
import { HttpError } from './http-client.ts';

export interface GuardedFetch extends AsyncDisposable {
  readonly fetch: typeof globalThis.fetch;
}
const MOST_OCTETS = 8 * 1024 * 1024;
const TIMEOUT_MS = 20_000;

/** Without `allowPrivate` only https is spoken: what goes out carries credentials. */
export function createGuardedFetch({ allowPrivate }: { readonly allowPrivate: boolean }): GuardedFetch {
  const agent = agentFor((address) => allowPrivate || !isPrivateAddress(address), MOST_OCTETS);
  return {
    async fetch(input, init = {}) {
      const text = typeof input === 'string' || input instanceof URL ? String(input) : input.url;
      const url = URL.parse(text);
      if (url === null || url.username !== '' || url.password !== '')
        throw new HttpError('bad-url', 'the URL must be without credentials');
      if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
        throw new HttpError('bad-url', 'the URL must be https');
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A literal address is connected to without a look-up: judged here.
      if (isIP(host) !== 0 && !allowPrivate && isPrivateAddress(host))
        throw new HttpError('blocked-address', 'the address is not allowed');
      const limit = AbortSignal.timeout(TIMEOUT_MS);
      const signal = init.signal == null ? limit : AbortSignal.any([init.signal, limit]);
      const options = { ...init, redirect: 'manual', signal, dispatcher: agent };
      return undiciFetch(url, options as object) as unknown as Promise<Response>;
    },
    async [Symbol.asyncDispose]() {
      await agent.destroy();
    },
  };
}
