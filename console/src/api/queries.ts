/** Reads and changes through TanStack Query. Keys contain the project, so no project sees another's pages. */
import {
  MutationCache,
  QueryCache,
  QueryClient,
  useInfiniteQuery,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { useCallback } from 'react';
import { connection, useConnection } from '../session/connection.ts';
import { ApiProblem, Unreachable } from './client.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
  /** How many rows the service looked at, if a filter left rows out. */
  readonly looked_at?: number;
  readonly of?: number;
}
const MOST_TRIES = 3;

/** Only a missing answer or a 5xx is retried. Any other refusal of the service would be the same again. */
function worthRetry(count: number, error: Error): boolean {
  if (error instanceof ApiProblem) return error.status >= 500 && count < MOST_TRIES;
  return error instanceof Unreachable && count < MOST_TRIES;
}
export function createQueries(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache(),
    mutationCache: new MutationCache(),
    defaultOptions: {
      queries: { retry: worthRetry, staleTime: 10_000, networkMode: 'always', refetchOnWindowFocus: true },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
}

export type Key = readonly (string | null)[];

/** One resource of the current project. */
export function useResource<T>(
  key: Key,
  load: (signal: AbortSignal) => Promise<T>,
  { enabled = true, everyMs }: { readonly enabled?: boolean; readonly everyMs?: number } = {},
) {
  const { projectId } = useConnection();
  return useQuery({
    queryKey: [projectId, ...key],
    queryFn: ({ signal }) => load(signal),
    enabled,
    ...(everyMs === undefined ? {} : { refetchInterval: everyMs }),
  });
}
/** A cursor-paged list of the current project; `items` holds the pages read so far. */
export function useList<T>(
  key: Key,
  load: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>,
  { enabled = true, everyMs }: { readonly enabled?: boolean; readonly everyMs?: number } = {},
) {
  const { projectId } = useConnection();
  const query = useInfiniteQuery({
    queryKey: [projectId, ...key],
    queryFn: ({ pageParam, signal }) => load(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    enabled,
    ...(everyMs === undefined ? {} : { refetchInterval: everyMs }),
  });
  const pages = query.data?.pages ?? [];
  const lookedAt = pages.reduce((sum, { looked_at = 0 }) => sum + looked_at, 0);
  return { ...query, items: pages.flatMap((page) => page.items), lookedAt, of: pages.at(-1)?.of ?? null };
}
export type List<T> = ReturnType<typeof useList<T>>;

/** Marks the data that a change touched as old, so the pages that show it read it again. */
export function useRefresh(): (...keys: Key[]) => Promise<void> {
  const client = useQueryClient();
  return useCallback(
    async (...keys) => {
      const { projectId } = connection.get();
      await Promise.all(keys.map((key) => client.invalidateQueries({ queryKey: [projectId, ...key] })));
    },
    [client],
  );
}
