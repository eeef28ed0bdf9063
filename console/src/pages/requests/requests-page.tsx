/** The operator's list of limit requests from all projects; for granting them in full or in part, or refusing them. */
import { Badge, Button, Card, Group, NumberInput, Stack, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import { idOf, type LimitRequest } from '../../api/resources.ts';
import { showTime } from '../../i18n.ts';
import { ListView, Page } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { Asked } from '../home/limit-requests.tsx';
import { REQUEST_COLORS } from './state-colors.ts';

const KEYS = [['limit-requests'], ['usage']];

export function RequestsPage() {
  const { t } = useTranslation();
  const list = useList(['limit-requests', 'all'], (cursor, signal) =>
    ask(api.GET('/mta/v1/limit_requests', { params: { query: { cursor, all: true } }, signal })),
  );
  return (
    <Page title={t('requests.title')} intro={t('requests.intro')}>
      <ListView list={list} empty={t('requests.empty')}>
        {(requests) => requests.map((one) => <RequestCard key={one.id} one={one} />)}
      </ListView>
    </Page>
  );
}

function RequestCard({ one }: { readonly one: LimitRequest }) {
  const { t } = useTranslation();
  const [how, setHow] = useState<'approve' | 'refuse' | null>(null);
  return (
    <Card withBorder>
      <Group justify="space-between" align="flex-start">
        <div className="page-heading">
          <Text size="sm" c="dimmed" className="wrap">
            {t('requests.of', {
              project: one.project.name ?? idOf(one.project),
              at: showTime(one.created_at),
            })}
          </Text>
          <Asked {...one} />
          <Text size="sm" mt={4} className="summary">
            {one.reason}
          </Text>
          {one.note !== null && (
            <Text size="sm" mt={4} fs="italic">
              {one.note}
            </Text>
          )}
        </div>
        <Badge color={REQUEST_COLORS[one.state]}>{t(`limit_requests.states.${one.state}`)}</Badge>
      </Group>
      {one.state === 'open' && (
        <Stack gap="sm" mt="sm">
          <Group gap="xs">
            {(['approve', 'refuse'] as const).map((name) => (
              <Button
                key={name}
                size="xs"
                variant={how === name ? 'filled' : 'default'}
                aria-expanded={how === name}
                onClick={() => setHow(how === name ? null : name)}
              >
                {t(`requests.${name}`)}
              </Button>
            ))}
          </Group>
          {how === 'approve' && <Approve one={one} />}
          {how === 'refuse' && <Refuse one={one} />}
        </Stack>
      )}
    </Card>
  );
}

interface Granted {
  readonly per_minute: number | string;
  readonly per_day: number | string;
  readonly note: string;
}
function Approve({ one }: { readonly one: LimitRequest }) {
  const { t } = useTranslation();
  const form = useForm<Granted>({
    initialValues: { per_minute: one.per_minute ?? '', per_day: one.per_day ?? '', note: '' },
  });
  const { submit, pending, problem } = useSubmit<Granted, LimitRequest>({
    form,
    send: ({ per_minute, per_day, note }, headers) =>
      ask(
        api.POST('/mta/v1/limit_requests/{id}/approve', {
          params: { path: { id: one.id } },
          body: {
            ...(typeof per_minute === 'number' ? { per_minute } : {}),
            ...(typeof per_day === 'number' ? { per_day } : {}),
            ...(note.trim() === '' ? {} : { note: note.trim() }),
          },
          headers,
        }),
      ),
    refreshes: KEYS,
  });
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm">
        <ProblemAlert error={problem} />
        <Group align="flex-start" grow preventGrowOverflow={false}>
          <NumberInput
            label={t('limits.per_minute')}
            min={0}
            allowDecimal={false}
            thousandSeparator
            {...form.getInputProps('per_minute')}
          />
          <NumberInput
            label={t('limits.per_day')}
            min={0}
            allowDecimal={false}
            thousandSeparator
            {...form.getInputProps('per_day')}
          />
        </Group>
        <Textarea label={t('requests.note')} autosize {...form.getInputProps('note')} />
        <Group>
          <Button type="submit" loading={pending}>
            {t('requests.approve_button')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Refuse({ one }: { readonly one: LimitRequest }) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { reason: '' },
    validate: { reason: (text) => (text.trim() === '' ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<{ reason: string }, LimitRequest>({
    form,
    send: ({ reason }, headers) =>
      ask(
        api.POST('/mta/v1/limit_requests/{id}/refuse', {
          params: { path: { id: one.id } },
          body: { reason: reason.trim() },
          headers,
        }),
      ),
    refreshes: KEYS,
  });
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm">
        <ProblemAlert error={problem} />
        <Textarea label={t('requests.refusal')} autosize {...form.getInputProps('reason')} />
        <Group>
          <Button type="submit" color="red" loading={pending}>
            {t('requests.refuse_button')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
