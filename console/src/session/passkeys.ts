/** The browser's part of passkeys, loaded when one is used. If the browser refuses, it throws PasskeyFailed. */
import { ApiProblem, Unreachable } from '../api/client.ts';

/** The browser refused, or the person cancelled. */
export class PasskeyFailed extends Error {
  override name = 'PasskeyFailed';
}
async function inBrowser<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof ApiProblem || error instanceof Unreachable) throw error;
    throw new PasskeyFailed(error instanceof Error ? error.name : 'unknown');
  }
}
export function passkeysWork(): boolean {
  return typeof PublicKeyCredential !== 'undefined';
}
/** Proves an existing passkey. Returns what the service expects as `response`. */
export function askPasskey(options: object) {
  return inBrowser(async () => {
    const { startAuthentication } = await import('@simplewebauthn/browser');
    return startAuthentication({ optionsJSON: options as never });
  });
}
/** Makes a new passkey. */
export function makePasskey(options: object) {
  return inBrowser(async () => {
    const { startRegistration } = await import('@simplewebauthn/browser');
    return startRegistration({ optionsJSON: options as never });
  });
}
