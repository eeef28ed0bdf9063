/** What a subscriber would be sent for a sample of an event, and sending it one as a test, with its answer. */
import { Alert, Button, Code, Group, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { EVENT_NAMES, type EventName } from '../../../../src/contract/events.ts';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import type { SubscriberPreview, SubscriberTest } from '../../api/resources.ts';
import { eventLabel, named, showNumber } from '../../i18n.ts';
import { Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

interface Place {
  readonly topicId: string;
  readonly subscriberId: string;
}
export function Samples({ topicId, subscriberId }: Place) {
  const { t } = useTranslation();
  const [event, setEvent] = useState<EventName>('incoming');
  const params = { path: { id: topicId, subscriber: subscriberId }, query: { event } };
  const test = useSubmit<object, SubscriberTest>({
    send: () => ask(api.POST('/edj/v1/topics/{id}/subscribers/{subscriber}/test', { params })),
  });
  return (
    <Stack gap="sm" mt="sm">
      <Text size="sm" c="dimmed">
        {t('samples.intro')}
      </Text>
      <Group align="flex-end">
        <Select
          label={t('samples.event')}
          data={EVENT_NAMES.map((name) => ({ value: name, label: eventLabel(name) }))}
          allowDeselect={false}
          value={event}
          onChange={(name) => {
            test.reset();
            setEvent(EVENT_NAMES.find((one) => one === name) ?? event);
          }}
        />
        <Button variant="default" loading={test.pending} onClick={() => test.submit({})}>
          {t('samples.test')}
        </Button>
      </Group>
      <ProblemAlert error={test.problem} />
      {test.result !== undefined && <Result result={test.result} />}
      <Preview topicId={topicId} subscriberId={subscriberId} event={event} />
    </Stack>
  );
}

function Result({ result }: { readonly result: SubscriberTest }) {
  const { t } = useTranslation();
  const { outcome, status, answer, error, duration_ms: ms } = result;
  return (
    <Alert
      role="status"
      color={outcome === 'done' ? 'green' : 'red'}
      title={named(t, 'samples.outcomes', outcome)}
    >
      <Text size="sm">
        {status === null
          ? t('samples.no_answer', { ms: showNumber(ms) })
          : t('samples.answered', { status, ms: showNumber(ms) })}
      </Text>
      {error !== null && (
        <Text size="sm" className="wrap">
          {error.code}: {error.detail}
        </Text>
      )}
      {answer !== null && answer !== '' && (
        <Code block className="wrap" mt="xs">
          {answer}
        </Code>
      )}
    </Alert>
  );
}

function Preview({ topicId, subscriberId, event }: Place & { readonly event: EventName }) {
  const query = useResource(['topics', topicId, 'subscribers', subscriberId, 'preview', event], (signal) =>
    ask(
      api.GET('/edj/v1/topics/{id}/subscribers/{subscriber}/preview', {
        params: { path: { id: topicId, subscriber: subscriberId }, query: { event } },
        signal,
      }),
    ),
  );
  return query.data === undefined ? <Waiting query={query} /> : <Request preview={query.data} />;
}
export function Request({ preview }: { readonly preview: SubscriberPreview }) {
  const { t } = useTranslation();
  const { method, url, headers, body } = preview;
  const head = headers.map(({ name, value }) => `${name}: ${value}`);
  return (
    <div>
      <Text size="sm" fw={600}>
        {t('samples.preview')}
      </Text>
      <Code block className="wrap" tabIndex={0} data-testid="sample-request">
        {[`${method} ${url}`, ...head, '', indented(body)].join('\n')}
      </Code>
    </div>
  );
}
/** The body as it is, unless it is JSON. */
function indented(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
