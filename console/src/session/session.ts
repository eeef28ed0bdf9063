/** The session as the service tells it; steps of signing in answer with the next state, which is put in its place. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { ApiProblem, api, ask } from '../api/client.ts';
import type { Passkey } from '../api/resources.ts';
import { connection } from './connection.ts';

export interface Me {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly language: string;
  readonly instance_roles: readonly string[];
}
/** The own account as it shows itself. */
export interface Account extends Me {
  readonly has_totp: boolean;
  readonly passkeys: readonly Passkey[];
  readonly recovery_codes_left: number;
}
/** A project as a member of it sees it. */
export interface OwnProject {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly closed_at: string | null;
}
export type Method = 'totp' | 'passkey' | 'recovery';
export interface SignedOut {
  readonly state: 'signed_out';
}
export interface SecondFactor {
  readonly state: 'second_factor';
  readonly methods: readonly Method[];
  readonly csrf_token: string;
}
export interface Setup {
  readonly state: 'set_up';
  readonly missing: readonly ('password' | 'second_factor')[];
  readonly member: Me;
  readonly csrf_token: string;
}
export interface SignedIn {
  readonly state: 'signed_in';
  readonly member: Me;
  readonly projects: readonly OwnProject[];
  readonly csrf_token: string;
}
export type Session = SignedOut | SecondFactor | Setup | SignedIn;
const SESSION = ['session'] as const;

export const isOperator = (member: Me): boolean => member.instance_roles.includes('operator');

async function readSession(signal: AbortSignal): Promise<Session> {
  try {
    const session = await ask<Session>(api.GET('/iam/v1/session', { signal }));
    if (session.state !== 'signed_out') connection.set({ csrfToken: session.csrf_token });
    return session;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return { state: 'signed_out' };
    throw error;
  }
}
/** Asked once: what follows comes from the steps themselves. */
export function useSession() {
  return useQuery({
    queryKey: SESSION,
    queryFn: ({ signal }) => readSession(signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
}

/** Takes the session a step led to; after a session that ended, the same member's pages are read again, in place. */
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

/** Reads the session anew, after something in it changed. */
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
      // Ended already: that is what was wanted. Any other failure is told by the page that follows.
      if (!(error instanceof ApiProblem && error.status === 401)) throw error;
    }
    queries.removeQueries({ predicate: isOther });
    connection.set({ csrfToken: null, expired: false });
    queries.setQueryData<Session>(SESSION, { state: 'signed_out' });
  }, [queries]);
}
