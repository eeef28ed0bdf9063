/**
 * Settings for mail clients (Thunderbird's config-v1.1), without authentication. Invariant: apart from the
 * requested name, the answer is the same for every domain, so it does not reveal whether a domain is set up here.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Domain, parseDomain } from '../mail/domain.ts';
import type { ApiDeps } from './deps.ts';

export const AUTOCONFIG_PATHS = ['/.well-known/autoconfig/mail/config-v1.1.xml', '/mail/config-v1.1.xml'];

/** `domain`: a parsed domain, so it has no characters that are special in XML. */
export function clientConfig(submissionHost: string, domain: Domain | null): string {
  const server = (port: number, socket: 'SSL' | 'STARTTLS') => `    <outgoingServer type="smtp">
      <hostname>${submissionHost}</hostname>
      <port>${port}</port>
      <socketType>${socket}</socketType>
      <authentication>password-cleartext</authentication>
    </outgoingServer>
`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="${submissionHost}">
    <domain>${domain ?? submissionHost}</domain>
    <displayName>${submissionHost}</displayName>
${server(465, 'SSL')}${server(587, 'STARTTLS')}    <documentation url="https://${submissionHost}/docs">
      <descr lang="en">The user name is the id of a static key. The password is the secret of that key.</descr>
      <descr lang="ja">ユーザー名は静的鍵の ID です。パスワードはその鍵のシークレットです。</descr>
    </documentation>
  </emailProvider>
</clientConfig>
`;
}

/**
 * The host that `autoconfig.<domain>` may point to. null: the public URL has a port or no host name, so clients
 * cannot use it.
 */
export function autoconfigHost(publicUrl: string): string | null {
  const { hostname, port } = new URL(publicUrl);
  return port === '' ? parseDomain(hostname) : null;
}

export function autoconfigRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'dns'>): void {
  for (const path of AUTOCONFIG_PATHS)
    app.get(path, async (request, reply) =>
      reply
        .type('text/xml; charset=utf-8')
        .header('x-content-type-options', 'nosniff')
        .header('cache-control', 'public, max-age=3600')
        .send(clientConfig(deps.dns.submissionHost, askedDomain(request))),
    );
}
/** The domain of the requested address, or else of the host name in the request (`autoconfig.<domain>`). */
function askedDomain(request: FastifyRequest): Domain | null {
  const [address, another] = new URL(request.url, 'http://localhost').searchParams.getAll('emailaddress');
  if (address !== undefined && another === undefined)
    return parseDomain(address.slice(address.lastIndexOf('@') + 1));
  const host = /^autoconfig\.([^:]+)/i.exec(request.headers.host ?? '')?.[1];
  return host === undefined ? null : parseDomain(host);
}
