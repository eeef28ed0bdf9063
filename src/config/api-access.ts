/**
 * How commands reach a running service: from flags first, then from the environment. Without a URL, it is the service of
 * this machine, as its HTTP listener is set. Nothing else in the environment is read, so the commands also work on a
 * machine that runs no service. Fails with ConfigError;
 * the error never repeats a secret.
 */
import { ConfigError, usualUrlIn } from './config.ts';
import type { VariableName } from './variables.ts';

export interface ApiAccess {
  /** Without trailing slash. */
  readonly url: string;
  /** null if no key was given. */
  readonly key: { readonly id: string; readonly secret: string } | null;
}
export interface ApiAccessFlags {
  readonly url?: string | undefined;
  readonly 'key-id'?: string | undefined;
  readonly 'key-secret'?: string | undefined;
}

export function loadApiAccess(
  env: Readonly<Record<string, string | undefined>>,
  flags: ApiAccessFlags,
): ApiAccess {
  const get = (flag: string | undefined, name: VariableName) => {
    const value = (flag ?? env[name])?.trim();
    return value === '' ? undefined : value;
  };
  const problems: string[] = [];
  const text = get(flags.url, 'HIKYAKU_API_URL') ?? usualUrlIn(env);
  const url = URL.parse(text);
  if (url?.port === '0')
    problems.push('HIKYAKU_API_URL or --url: needed, because HIKYAKU_HTTP_LISTEN asks for a free port');

  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '')
    problems.push('HIKYAKU_API_URL or --url: expected an http or https URL without query and credentials');
  const id = get(flags['key-id'], 'HIKYAKU_API_KEY_ID');
  const secret = get(flags['key-secret'], 'HIKYAKU_API_KEY_SECRET');
  if ((id === undefined) !== (secret === undefined))
    problems.push('HIKYAKU_API_KEY_ID and HIKYAKU_API_KEY_SECRET: set both or neither');
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    url: url!.href.replace(/(?<!\/)\/+$/, ''),
    key: id === undefined || secret === undefined ? null : { id, secret },
  };
}
