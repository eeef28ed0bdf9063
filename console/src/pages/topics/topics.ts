/** The queries about topics. */
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { Topic } from '../../api/resources.ts';

export function useTopics() {
  return useList(['topics'], (cursor, signal) =>
    ask(api.GET('/edj/v1/topics', { params: { query: { cursor, limit: 200 } }, signal })),
  );
}
export function createTopic(
  values: { readonly name: string },
  headers: { 'Idempotency-Key': string },
): Promise<Topic> {
  return ask(api.POST('/edj/v1/topics', { body: { name: values.name.trim() }, headers }));
}
