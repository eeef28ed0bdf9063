/**
 * What HTTP itself asks of a request before a route sees it (RFC 9112), and the methods that a path has. Pure, apart
 * from `refuseAtEdge`, which answers with a problem and ends the connection: after a request that two readers may
 * understand differently, nothing else on the connection is believed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../runtime/clock.ts';
import { leaveRest } from './linger.ts';
import { PROBLEM_TYPE, Problem, problemBody, problemHeaders } from './problems.ts';

/** Octets of the target of a request. RFC 9110 §4.1 asks for at least 8000. */
export const MOST_OF_TARGET = 8192;
/** RFC 9110 §7.2. The name of a host may be empty. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::\d{0,5})?$/;
const ABSOLUTE = /^https?:\/\/[^/?#]*/i;

function hostsOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): string[] {
  return rawHeaders.filter((_value, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === 'host');
}
/** Why the request is refused whatever its path is; null: a route may see it. */
export function edgeProblem(
  request: Pick<
    IncomingMessage,
    'rawHeaders' | 'headers' | 'httpVersion' | 'httpVersionMajor' | 'httpVersionMinor' | 'url'
  >,
): Problem | null {
  const { httpVersion, httpVersionMajor, httpVersionMinor, headers, url = '' } = request;
  if (httpVersionMajor !== 1)
    return new Problem('bad-request', `the service speaks HTTP/1.1 and HTTP/1.0, not HTTP/${httpVersion}`);
  // RFC 9112 §3.2: with several Host fields, or none, a proxy and the service may mean different hosts.
  const hosts = hostsOf(request);
  if (hosts.length > 1) return new Problem('bad-request', 'the request has more than one Host field');
  if (hosts.length === 0 && httpVersionMinor === 1)
    return new Problem('bad-request', 'the request has no Host field');
  if (hosts.length === 1 && !HOST.test(hosts[0]!))
    return new Problem('bad-request', 'the Host field does not hold a host and a port');
  if (url.length > MOST_OF_TARGET) return uriTooLong();
  // RFC 9110 §10.1.1: 100-continue is the only expectation there is.
  if (headers.expect !== undefined && !/^100-continue$/i.test(headers.expect))
    return new Problem('expectation-failed', 'Expect may hold only 100-continue');
  return null;
}
export const uriTooLong = () =>
  new Problem('uri-too-long', `the path and the query must have at most ${MOST_OF_TARGET} octets`);
/** RFC 9110 §9.3.6: the service is no proxy, so the target of CONNECT has no methods. */
export const noProxy = () =>
  new Problem('method-not-allowed', 'the service is not a proxy: CONNECT has no meaning here', {
    headers: { allow: '' },
  });
/** RFC 9112 §3.2.2: a server takes the absolute form, too; the host in it does not choose the resource. */
export function originForm(url: string): string {
  const path = url.replace(ABSOLUTE, '');
  return path === url || path.startsWith('/') ? path : `/${path}`;
}

export function refuseAtEdge(
  request: IncomingMessage,
  response: ServerResponse,
  problem: Problem,
  clock: Clock,
): void {
  leaveRest(request, clock);
  const body = problemBody(problem);
  response
    .writeHead(problem.status, {
      ...problemHeaders(problem),
      connection: 'close',
      'content-type': PROBLEM_TYPE,
      'content-length': Buffer.byteLength(body),
    })
    .end(body);
}

/** The router has refused a path that cannot be decoded. */
function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
/** Which methods each path has, for 405 and its `Allow` (RFC 9110 §15.5.6). */
export interface PathMethods {
  add(method: string | readonly string[], pattern: string): void;
  /** Sorted; empty: there is no such path. */
  of(path: string): readonly string[];
}
export function createPathMethods(): PathMethods {
  const routes = new Map<string, { readonly segments: readonly string[]; readonly methods: Set<string> }>();
  return {
    add(method, pattern) {
      const route = routes.get(pattern) ?? { segments: pattern.split('/'), methods: new Set() };
      routes.set(pattern, route);
      for (const one of [method].flat()) route.methods.add(one);
    },
    of(path) {
      const given = decoded(path.split('?', 1)[0]!).split('/');
      const isAt = (segments: readonly string[]) =>
        segments.length === given.length &&
        segments.every((segment, i) => (segment.startsWith(':') ? given[i] !== '' : segment === given[i]));
      const methods = new Set<string>();
      for (const route of routes.values())
        if (isAt(route.segments)) for (const one of route.methods) methods.add(one);
      return [...methods].sort();
    },
  };
}
