/**
 * A `fetch` for services that a customer names, in the form that client libraries accept. As with hooks, the
 * connected address decides (http-client.ts): a private address is refused before any packet leaves.
 * Redirects are not followed; answers are limited in octets and time. Rejects with HttpError for what this
 * module refuses, and with fetch's own errors otherwise.
 */
import { isIP } from 'node:net';
import { fetch as undiciFetch } from 'undici';
import { isPrivateAddress } from './addresses.ts';
import { agentFor } from './http-agents.ts';
import { type HttpClientDeps, HttpError, PRIVATE_ADDRESS } from './http-client.ts';

export interface GuardedFetch extends AsyncDisposable {
  readonly fetch: typeof globalThis.fetch;
}
const MOST_OCTETS = 8 * 1024 * 1024;
const TIMEOUT_MS = 20_000;
/** The share of questions that belong to no project. */
const SERVICE = '';

/** Without `allowPrivate` only https is permitted, because requests carry credentials. */
export function createGuardedFetch({ allowPrivate, names }: HttpClientDeps): GuardedFetch {
  const agent = agentFor(
    (address) => allowPrivate || !isPrivateAddress(address),
    names.for(SERVICE),
    MOST_OCTETS,
  );
  return {
    async fetch(input, init = {}) {
      const text = typeof input === 'string' || input instanceof URL ? String(input) : input.url;
      const url = URL.parse(text);
      if (url === null || url.username !== '' || url.password !== '')
        throw new HttpError('bad-url', 'the URL must be without credentials');
      if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
        throw new HttpError('bad-url', 'the URL must be https');
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A literal address needs no DNS lookup, so it is checked here.
      if (isIP(host) !== 0 && !allowPrivate && isPrivateAddress(host))
        throw new HttpError('blocked-address', PRIVATE_ADDRESS);
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
