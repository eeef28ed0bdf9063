/** AUTH PLAIN (RFC 4616) and LOGIN as exchanges of values; nothing here keeps or prints a secret. */
import type { Reply } from '../reply.ts';
import { AUTH_CANCELLED, AUTH_MALFORMED, AUTH_UNKNOWN } from './replies.ts';

/** Where an exchange stands: what the next line from the client will be. */
export type Exchange =
  | { readonly waitsFor: 'plain' | 'login-name' }
  | { readonly waitsFor: 'login-password'; readonly username: string };
export type AuthStep =
  | { readonly kind: 'challenge'; readonly text: string; readonly next: Exchange }
  | { readonly kind: 'credentials'; readonly username: string; readonly password: string }
  | { readonly kind: 'failed'; readonly reply: Reply };

const MALFORMED: AuthStep = { kind: 'failed', reply: AUTH_MALFORMED };
const USERNAME_PROMPT = Buffer.from('Username:').toString('base64');
const PASSWORD_PROMPT = Buffer.from('Password:').toString('base64');

/** AUTH with its initial response ('' is none, '=' an empty one; RFC 4954 §4). */
export function startAuth(mechanism: string, initial: string): AuthStep {
  switch (mechanism) {
    case 'PLAIN':
      if (initial === '') return { kind: 'challenge', text: '', next: { waitsFor: 'plain' } };
      return decodeAuth({ waitsFor: 'plain' }, initial === '=' ? '' : initial);
    case 'LOGIN':
      if (initial === '')
        return { kind: 'challenge', text: USERNAME_PROMPT, next: { waitsFor: 'login-name' } };
      return decodeAuth({ waitsFor: 'login-name' }, initial === '=' ? '' : initial);
    default:
      return { kind: 'failed', reply: AUTH_UNKNOWN };
  }
}

/** One line of the client's in an exchange; '*' cancels. */
export function decodeAuth(exchange: Exchange, line: string): AuthStep {
  if (line === '*') return { kind: 'failed', reply: AUTH_CANCELLED };
  const text = decodeBase64(line);
  if (text === null) return MALFORMED;
  switch (exchange.waitsFor) {
    case 'plain': {
      const parts = text.split('\0');
      const [authorize, username, password] = parts;
      if (parts.length !== 3 || !username || !password) return MALFORMED;
      // Acting for somebody else is not offered.
      if (authorize !== '' && authorize !== username) return MALFORMED;
      return credentials(username, password);
    }
    case 'login-name':
      if (text === '') return MALFORMED;
      return {
        kind: 'challenge',
        text: PASSWORD_PROMPT,
        next: { waitsFor: 'login-password', username: text },
      };
    case 'login-password':
      return text === '' ? MALFORMED : credentials(exchange.username, text);
  }
}

function credentials(username: string, password: string): AuthStep {
  return /[\r\n\0]/.test(username + password) ? MALFORMED : { kind: 'credentials', username, password };
}

function decodeBase64(line: string): string | null {
  if (line.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(line)) return null;
  const text = Buffer.from(line, 'base64').toString('utf8');
  return text.includes('\ufffd') ? null : text;
}
