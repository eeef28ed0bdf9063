/** The session as the service describes it. Each step of signing in returns the next state, which replaces it. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { ApiProblem, api, ask } from '../api/client.ts';
import type { Resource } from '../api/resources.ts';
import { connection } from './connection.ts';

export type Session = Resource<'Session'>;
export type SignedOut = Extract<Session, { state: 'signed_out' }>;
export type SecondFactor = Extract<Session, { state: 'second_factor' }>;
export type Setup = Extract<Session, { state: 'set_up' }>;
export type SignedIn = Extract<Session, { state: 'signed_in' }>;
export type Method = SecondFactor['methods'][number];
export type Me = SignedIn['member'];
/** A project as its member sees it. */
export type OwnProject = SignedIn['projects'][number];
/** The member's own account. */
export type Account = Resource<'Account'>;
const SESSION = ['session'] as const;

export const isOperator = (member: Me): boolean => member.instance_roles.includes('operator');

async function readSession(signal: AbortSignal): Promise<Session> {
  try {
    const session = await ask(api.GET('/iam/v1/session', { signal }));
    if (session.state !== 'signed_out') connection.set({ csrfToken: session.csrf_token });
    return session;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return { state: 'signed_out' };
    throw error;
  }
}
/** The session is read once. After that, the steps themselves return the next state. */
export function useSession() {
  return useQuery({
    queryKey: SESSION,
    queryFn: ({ signal }) => readSession(signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
}

/** Takes the session that a step returned. If the same member signs in again, the pages stay and are read again. */
export function useTakeSession(): (next: Session) => void {
  const queries = useQueryClient();
  return useCallback(
    (next) => {
      connection.set({ csrfToken: next.state === 'signed_out' ? null : next.csrf_token });
      const before = queries.getQueryData<Session>(SESSION);
      // The pages stay under the sign-in until its last step.
      if (before?.state === 'signed_in' && next.state === 'second_factor') return;
      if (before?.state === 'signed_in' && next.state === 'signed_in') {
        if (before.member.id !== next.member.id) queries.removeQueries({ predicate: isOther });
        void queries.invalidateQueries({ predicate: isOther });
      }
      connection.set({ expired: false });
      queries.setQueryData<Session>(SESSION, next);
    },
    [queries],
  );
}
const isOther = ({ queryKey }: { readonly queryKey: readonly unknown[] }) => queryKey[0] !== SESSION[0];

/** Reads the session again after something in it has changed. */
export function useRereadSession(): () => Promise<void> {
  const queries = useQueryClient();
  return useCallback(() => queries.refetchQueries({ queryKey: SESSION }), [queries]);
}
export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return useCallback(async () => {
    try {
      await ask(api.DELETE('/iam/v1/session'));
    } catch (error) {
      // 401: the session has already ended, as intended. The caller shows any other failure.
      if (!(error instanceof ApiProblem && error.status === 401)) throw error;
    }
    queries.removeQueries({ predicate: isOther });
    connection.set({ csrfToken: null, expired: false });
    queries.setQueryData<Session>(SESSION, { state: 'signed_out' });
  }, [queries]);
}
