/**
 * Where programs and mail clients connect to send, and how they sign in. The API, its documents, the commands
 * and the console tell the same.
 */
import type { Resources } from '../contract/resources/index.ts';

export type Connect = Resources['Settings']['connect'];
/** The part of the configuration that customers need to know. */
export interface SubmissionPlace {
  readonly submissionHost: string;
  readonly submissionPort: number | null;
  readonly submissionsPort: number | null;
  readonly tlsMinVersion: Connect['tls_min_version'];
}

/** `listening`: the ports of the first listeners. They count if the configuration names no others. */
export function connectOf(
  { submissionHost, submissionPort, submissionsPort, tlsMinVersion }: SubmissionPlace,
  listening: { readonly submission: number; readonly submissions: number },
  apiUrl: string,
): Connect {
  return {
    api_url: apiUrl,
    smtp_host: submissionHost,
    smtp_ports: [
      // RFC 8314 §3: implicit TLS is preferred.
      { port: submissionsPort ?? listening.submissions, tls: 'implicit' },
      { port: submissionPort ?? listening.submission, tls: 'starttls' },
    ],
    tls_min_version: tlsMinVersion,
    auth_mechanisms: ['PLAIN', 'LOGIN'],
    user_name: 'static_key.id',
    password: 'static_key.secret',
  };
}

const TLS: Record<Connect['smtp_ports'][number]['tls'], string> = {
  implicit: 'implicit TLS',
  starttls: 'STARTTLS',
};
/** The same as lines for people. */
export function connectLines({
  api_url,
  smtp_host,
  smtp_ports,
  tls_min_version,
  auth_mechanisms,
}: Connect): string[] {
  const ports = smtp_ports.map(({ port, tls }) => `${port} (${TLS[tls]})`).join(' or ');
  const version = tls_min_version.replace('TLSv', 'TLS ');
  return [
    `SMTP: host ${smtp_host}, port ${ports}; ${version} or above; AUTH ${auth_mechanisms.join(' or ')}`,
    `HTTP API: ${api_url}, HTTP Basic authentication`,
    'The user name is the id of a static key. The password is the secret of that key.',
  ];
}
