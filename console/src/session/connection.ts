/**
 * The state that every request needs and every page may show: the CSRF token, the project, whether the session has ended,
 * and whether the server can be reached. Invariant: of the console's state, requests send only what is here; and only the
 * project's id is stored beyond the page.
 */
import { useSyncExternalStore } from 'react';

export interface Connection {
  readonly csrfToken: string | null;
  readonly projectId: string | null;
  /** A request got 401 after sign-in: the page stays, and the sign-in lies over it. */
  readonly expired: boolean;
  /** The last request got an answer. */
  readonly reachable: boolean;
}
const PROJECT_KEY = 'hikyaku.project';

function createConnection() {
  const listeners = new Set<() => void>();
  const held: { state: Connection } = {
    state: {
      csrfToken: null,
      projectId: localStorage.getItem(PROJECT_KEY),
      expired: false,
      reachable: true,
    },
  };
  return {
    get: (): Connection => held.state,
    set(change: Partial<Connection>): void {
      const next = { ...held.state, ...change };
      if ((Object.keys(change) as (keyof Connection)[]).every((key) => held.state[key] === next[key])) return;
      held.state = next;
      if (change.projectId === null) localStorage.removeItem(PROJECT_KEY);
      else if (change.projectId !== undefined) localStorage.setItem(PROJECT_KEY, change.projectId);
      for (const listener of listeners) listener();
    },
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
export const connection = createConnection();

export function useConnection(): Connection {
  return useSyncExternalStore(connection.subscribe, connection.get);
}
