/**
 * One event: the readable parts of a message, and the JSON. Of a long JSON only the first part is shown; the whole can be
 * downloaded. The contents of a message are always shown as text, never as markup.
 */
import { Alert, Badge, Button, Code, Group, List, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { firstPart } from '../../api/first-part.ts';
import { useResource } from '../../api/queries.ts';
import type { TopicEvent } from '../../api/resources.ts';
import { showNumber } from '../../i18n.ts';
import { Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { readable } from './readable.ts';

const MOST_SHOWN = 64 * 1024;
/** The time that the browser has to begin the download. */
const KEPT_MS = 60_000;

export function EventDetails({ event }: { readonly event: TopicEvent }) {
  return (
    <Stack gap="sm" mt="sm">
      <Readable event={event} />
      <Json id={event.id} />
    </Stack>
  );
}

function Readable({ event }: { readonly event: TopicEvent }) {
  const { t } = useTranslation();
  const { text, isCut, attachments, defects } = readable(event, MOST_SHOWN);
  return (
    <>
      {text !== null && (
        <div>
          <Title order={3} size="h6">
            {t('events.text')}
          </Title>
          <Text size="sm" className="whole-text" data-testid="event-text">
            {text}
          </Text>
          {isCut && (
            <Text size="sm" c="dimmed">
              {t('events.text_goes_on')}
            </Text>
          )}
        </div>
      )}
      {attachments.length > 0 && (
        <div>
          <Title order={3} size="h6">
            {t('events.attachments')}
          </Title>
          <List size="sm">
            {attachments.map(({ name, type, size }, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: they have nothing else of their own, and never move
              <List.Item key={i} className="wrap">
                {name ?? t('events.nameless')} ({type}
                {size !== null && `, ${t('events.octets', { size: showNumber(size) })}`})
              </List.Item>
            ))}
          </List>
        </div>
      )}
      {defects.length > 0 && (
        <Alert color="yellow" title={t('events.defects')}>
          <Group gap="xs">
            {defects.map((defect) => (
              <Badge key={defect} variant="outline" color="gray" tt="none">
                {defect}
              </Badge>
            ))}
          </Group>
        </Alert>
      )}
    </>
  );
}

function Json({ id }: { readonly id: string }) {
  const { t } = useTranslation();
  const query = useResource(['events', id, 'first-part'], async (signal) => {
    const call = api.GET('/edj/v1/events/{id}', { params: { path: { id } }, parseAs: 'stream', signal });
    return firstPart((await ask(call)) as ReadableStream<Uint8Array>, MOST_SHOWN);
  });
  if (query.data === undefined) return <Waiting query={query} />;
  const { text, isWhole } = query.data;
  return (
    <>
      <Code block className="wrap" tabIndex={0} data-testid="event-json">
        {isWhole ? indented(text) : text}
      </Code>
      {!isWhole && (
        <Text size="sm" c="dimmed">
          {t('events.first_part')}
        </Text>
      )}
      <Download id={id} />
    </>
  );
}
function indented(json: string): string {
  return JSON.stringify(JSON.parse(json), null, 2);
}

/** Downloads with the client, because a link cannot name the project. The browser keeps the octets outside the page. */
function Download({ id }: { readonly id: string }) {
  const { t } = useTranslation();
  const { problem, pending, submit } = useSubmit({
    async send() {
      const call = api.GET('/edj/v1/events/{id}', { params: { path: { id } }, parseAs: 'blob' });
      const url = URL.createObjectURL((await ask(call)) as unknown as Blob);
      Object.assign(document.createElement('a'), { href: url, download: `${id}.json` }).click();
      setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
    },
  });
  return (
    <>
      <ProblemAlert error={problem} />
      <Group>
        <Button size="compact-sm" variant="default" loading={pending} onClick={() => submit({})}>
          {t('events.download')}
        </Button>
      </Group>
    </>
  );
}
