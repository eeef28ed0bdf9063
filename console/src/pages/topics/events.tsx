/** The newest events of a topic, live: after the first page, one request at a time waits for the next event. */
import { Badge, Button, Card, Group, Stack, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { type Page, useResource } from '../../api/queries.ts';
import type { TopicEvent } from '../../api/resources.ts';
import { eventLabel, showTime } from '../../i18n.ts';
import { useConnection } from '../../session/connection.ts';
import { Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { EventDetails } from './event-details.tsx';

const WAIT_SECONDS = 10;
const PAUSE_MS = 3_000;
const MOST_SHOWN = 200;

/** Adds events to the list of `key` as they are published, while the page is open. */
function useLive(topicId: string, newest: string | undefined, ready: boolean): void {
  const client = useQueryClient();
  const { projectId, expired } = useConnection();
  useEffect(() => {
    if (!ready || expired) return;
    const end = new AbortController();
    async function follow(after: string): Promise<void> {
      try {
        const { items, next_cursor: next } = await ask(
          api.GET('/edj/v1/topics/{id}/events', {
            params: { path: { id: topicId }, query: { after, wait: WAIT_SECONDS } },
            signal: end.signal,
          }),
        );
        if (end.signal.aborted) return;
        if (items.length === 0) return void follow(next ?? after);
        client.setQueryData<Page<TopicEvent>>([projectId, 'topics', topicId, 'events'], (old) => {
          const known = new Set(items.map(({ id }) => id));
          const rest = (old?.items ?? []).filter(({ id }) => !known.has(id));
          const all = [...[...items].reverse(), ...rest];
          const isCut = all.length > MOST_SHOWN;
          return { items: all.slice(0, MOST_SHOWN), next_cursor: isCut ? null : (old?.next_cursor ?? null) };
        });
      } catch {
        // The page says elsewhere that the service is away. The list goes on when the service is back.
        const timer = setTimeout(() => void follow(after), PAUSE_MS);
        end.signal.addEventListener('abort', () => clearTimeout(timer));
      }
    }
    void follow(newest ?? '');
    return () => end.abort();
  }, [client, projectId, expired, topicId, newest, ready]);
}

export function Events({ topicId }: { readonly topicId: string }) {
  const { t } = useTranslation();
  const query = useResource(['topics', topicId, 'events'], (signal) =>
    ask(
      api.GET('/edj/v1/topics/{id}/events', {
        params: { path: { id: topicId }, query: { limit: 50 } },
        signal,
      }),
    ),
  );
  useLive(topicId, query.data?.items[0]?.id, query.data !== undefined);
  if (query.data === undefined) return <Waiting query={query} />;
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t('events.live')}
      </Text>
      {query.data.items.length === 0 && <Text c="dimmed">{t('events.empty')}</Text>}
      {query.data.items.map((event) => (
        <EventCard key={event.id} event={event} />
      ))}
      <Older topicId={topicId} cursor={query.data.next_cursor} shown={query.data.items.length} />
    </Stack>
  );
}

/** Loads events that are older than the shown ones, up to the number that a page can show. */
function Older(props: { readonly topicId: string; readonly cursor: string | null; readonly shown: number }) {
  const { topicId, cursor, shown } = props;
  const { t } = useTranslation();
  const client = useQueryClient();
  const { projectId } = useConnection();
  const { problem, pending, submit } = useSubmit({
    async send() {
      const query = { cursor: cursor ?? '', limit: 50 };
      const page = await ask(
        api.GET('/edj/v1/topics/{id}/events', { params: { path: { id: topicId }, query } }),
      );
      client.setQueryData<Page<TopicEvent>>([projectId, 'topics', topicId, 'events'], (old) => ({
        items: [...(old?.items ?? []), ...page.items],
        next_cursor: page.next_cursor,
      }));
    },
  });
  if (cursor === null || shown >= MOST_SHOWN) return null;
  return (
    <Group>
      <ProblemAlert error={problem} />
      <Button variant="default" loading={pending} onClick={() => submit({})}>
        {t('events.older')}
      </Button>
    </Group>
  );
}

function EventCard({ event }: { readonly event: TopicEvent }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <Card withBorder padding="sm" data-testid="event">
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <div className="page-heading">
          <Group gap="xs">
            <Badge variant="light" tt="none">
              {eventLabel(event.name)}
            </Badge>
            <Text size="sm" c="dimmed">
              {showTime(event.created_at)}
            </Text>
          </Group>
          <Text size="sm" className="summary" mt={4}>
            {event.summary}
          </Text>
        </div>
        <Button
          size="compact-sm"
          variant="default"
          className="fixed"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          {open ? t('events.less') : t('events.open')}
        </Button>
      </Group>
      {open && <EventDetails event={event} />}
    </Card>
  );
}
