/**
 * A topic's subscribers: for adding one (its signing secret is shown once), removing one, seeing its deliveries, and
 * seeing and testing what it is sent.
 */
import { Badge, Button, Card, Group, Select, Stack, Table, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { Kind, NewSubscriber, Subscriber, SubscriberPreview } from '../../api/resources.ts';
import { named, showNumber, showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { SecretOnce } from '../../ui/copy.tsx';
import { filledIn, KindFields, type KindValues, kindLabel, labelOf } from '../../ui/kinds.tsx';
import { ListView, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { Request, Samples } from './subscriber-samples.tsx';
import { SubscriberSettings } from './subscriber-settings.tsx';

interface Values {
  /** null: the first kind. */
  readonly type: string | null;
  readonly settings: KindValues;
}
export function Subscribers({ topicId }: { readonly topicId: string }) {
  const { t } = useTranslation();
  const [made, setMade] = useState<NewSubscriber | null>(null);
  const list = useList(['topics', topicId, 'subscribers'], (cursor, signal) =>
    ask(
      api.GET('/edj/v1/topics/{id}/subscribers', {
        params: { path: { id: topicId }, query: { cursor } },
        signal,
      }),
    ),
  );
  const { items: kinds } = useList(['subscriber-kinds'], (cursor, signal) =>
    ask(api.GET('/edj/v1/subscriber_kinds', { params: { query: { cursor } }, signal })),
  );
  const form = useForm<Values>({
    initialValues: { type: null, settings: {} },
    onValuesChange: () => preview.reset(),
  });
  const kind = kinds.find(({ name }) => name === form.values.type) ?? kinds[0];
  const params = { path: { id: topicId } };
  const bodyOf = ({ settings }: Values) =>
    kind === undefined ? { type: '' } : { type: kind.name, ...filledIn(kind, settings) };
  const fields = {
    setFieldError: (field: string, error: string) => form.setFieldError(`settings.${field}`, error),
    getValues: () => Object.fromEntries((kind?.settings ?? []).map(({ name }) => [name, ''])),
  };
  const preview = useSubmit<Values, SubscriberPreview>({
    form: fields,
    send: (values) =>
      ask(api.POST('/edj/v1/topics/{id}/subscriber_previews', { params, body: bodyOf(values) })),
  });
  const { submit, pending, problem } = useSubmit<Values, NewSubscriber>({
    form: fields,
    send: (values, headers) =>
      ask(api.POST('/edj/v1/topics/{id}/subscribers', { params, body: bodyOf(values), headers })),
    refreshes: [['topics', topicId, 'subscribers']],
    done(subscriber) {
      setMade(subscriber);
      form.reset();
    },
  });
  return (
    <Stack>
      <Section title={t('subscribers.new')}>
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <Stack gap="sm">
            <ProblemAlert error={problem ?? preview.problem} />
            {kinds.length > 1 && (
              <Select
                label={t('subscribers.kind')}
                data={kinds.map((one) => ({ value: one.name, label: labelOf(one) }))}
                allowDeselect={false}
                value={kind?.name ?? null}
                onChange={(type) => form.setValues({ type, settings: {} })}
              />
            )}
            {kind !== undefined && (
              <KindFields
                kind={kind}
                values={form.values.settings}
                errors={Object.fromEntries(
                  kind.settings.map(({ name }) => [name, form.errors[`settings.${name}`]]),
                )}
                onChange={(name, value) => form.setFieldValue(`settings.${name}`, value)}
              />
            )}
            <Group>
              <Button type="submit" loading={pending}>
                {t('common.add')}
              </Button>
              <Button
                variant="default"
                loading={preview.pending}
                onClick={() => preview.submit(form.getValues())}
              >
                {t('samples.show')}
              </Button>
            </Group>
            {preview.result !== undefined && <Request preview={preview.result} />}
          </Stack>
        </form>
      </Section>
      {made?.secret && (
        <SecretOnce
          title={t('subscribers.secret')}
          values={[{ label: t('subscribers.signing_secret'), value: made.secret }]}
          onClose={() => setMade(null)}
        />
      )}
      <ListView list={list} empty={t('subscribers.empty')}>
        {(subscribers) =>
          subscribers.map((one) => <SubscriberCard key={one.id} one={one} topicId={topicId} kinds={kinds} />)
        }
      </ListView>
    </Stack>
  );
}

/** The subscriber's title: its first text setting that may be shown, else the label of its kind. */
function titleOf(one: Subscriber, kinds: readonly Kind[]): string {
  const kind = kinds.find(({ name }) => name === one.type);
  const shown = kind?.settings.find(({ type, secret }) => type === 'text' && !secret);
  return String((shown === undefined ? undefined : one[shown.name]) ?? kindLabel(kinds, one.type));
}
type Part = 'deliveries' | 'samples' | 'settings';
function SubscriberCard({
  one,
  topicId,
  kinds,
}: {
  readonly one: Subscriber;
  readonly topicId: string;
  readonly kinds: readonly Kind[];
}) {
  const { t } = useTranslation();
  const title = titleOf(one, kinds);
  const [shown, setShown] = useState<Part | null>(null);
  const toggle = (part: Part) => setShown(shown === part ? null : part);
  return (
    <Card withBorder>
      <Group justify="space-between" align="flex-start">
        <div className="page-heading">
          <Text fw={600} className="wrap">
            {title}
          </Text>
          <Text size="sm" c="dimmed">
            {t('subscribers.since', { kind: kindLabel(kinds, one.type), at: showTime(one.created_at) })}
          </Text>
          {one.paused_at !== null && (
            <Badge color="gray" variant="light">
              {t('subscribers.paused', { at: showTime(one.paused_at) })}
            </Badge>
          )}
          {one.failing_since !== null && (
            <Badge color="red" variant="light">
              {t('subscribers.failing', { at: showTime(one.failing_since) })}
            </Badge>
          )}
        </div>
        <Group gap="xs">
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => toggle('deliveries')}
            aria-expanded={shown === 'deliveries'}
            aria-label={t('common.action_on', { label: t('deliveries.title'), subject: title })}
          >
            {t('deliveries.title')}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => toggle('samples')}
            aria-expanded={shown === 'samples'}
            aria-label={t('common.action_on', { label: t('samples.title'), subject: title })}
          >
            {t('samples.title')}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => toggle('settings')}
            aria-expanded={shown === 'settings'}
            aria-label={t('common.action_on', { label: t('subscribers.change'), subject: title })}
          >
            {t('subscribers.change')}
          </Button>
          <Confirm
            label={t('common.delete')}
            subject={title}
            text={t('subscribers.delete_text')}
            act={() =>
              ask(
                api.DELETE('/edj/v1/topics/{id}/subscribers/{subscriber}', {
                  params: { path: { id: topicId, subscriber: one.id } },
                }),
              )
            }
            refreshes={[['topics', topicId, 'subscribers']]}
          />
        </Group>
      </Group>
      {shown === 'settings' && (
        <SubscriberSettings
          one={one}
          topicId={topicId}
          kind={kinds.find(({ name }) => name === one.type)}
          onDone={() => setShown(null)}
        />
      )}
      {shown === 'deliveries' && <Deliveries subscriberId={one.id} />}
      {shown === 'samples' && <Samples topicId={topicId} subscriberId={one.id} />}
    </Card>
  );
}

const COLORS: Readonly<Record<string, string>> = { done: 'green', retry: 'yellow', dead: 'red' };

function Deliveries({ subscriberId }: { readonly subscriberId: string }) {
  const { t } = useTranslation();
  const list = useList(['subscribers', subscriberId, 'deliveries'], (cursor, signal) =>
    ask(
      api.GET('/edj/v1/subscribers/{id}/deliveries', {
        params: { path: { id: subscriberId }, query: { cursor, limit: 20 } },
        signal,
      }),
    ),
  );
  return (
    <ListView list={list} empty={t('deliveries.empty')}>
      {(deliveries) => (
        <Table.ScrollContainer minWidth={480} mt="sm">
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('common.created_at')}</Table.Th>
                <Table.Th>{t('deliveries.state')}</Table.Th>
                <Table.Th>{t('deliveries.attempts')}</Table.Th>
                <Table.Th>{t('deliveries.next')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {deliveries.map((one) => (
                <Table.Tr key={one.id}>
                  <Table.Td>{showTime(one.created_at)}</Table.Td>
                  <Table.Td>
                    <Badge color={COLORS[one.state] ?? 'gray'}>
                      {named(t, 'deliveries.states', one.state)}
                    </Badge>
                  </Table.Td>
                  <Table.Td>{showNumber(one.attempts)}</Table.Td>
                  <Table.Td>
                    {one.next_attempt_at === null ? t('common.none') : showTime(one.next_attempt_at)}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </ListView>
  );
}
