/** Requests for higher limits (緩和申請): one at a time, with the results of the earlier ones. */
import { Badge, Button, Group, NumberInput, Stack, Table, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { LimitRequest, Usage } from '../../api/resources.ts';
import { showNumber, showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { ListView, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { REQUEST_COLORS } from '../requests/state-colors.ts';

interface Values {
  readonly per_minute: number | string;
  readonly per_day: number | string;
  readonly reason: string;
}
const KEY = ['limit-requests'];

export function LimitRequests({ usage }: { readonly usage: Usage }) {
  const { t } = useTranslation();
  const list = useList(KEY, (cursor, signal) =>
    ask(api.GET('/mta/v1/limit_requests', { params: { query: { cursor, limit: 10 } }, signal })),
  );
  const open = list.items.some(({ state }) => state === 'open');
  return (
    <Section title={t('limit_requests.title')} intro={t('limit_requests.intro')}>
      <Stack gap="md">
        {list.data !== undefined && !open && <NewRequest usage={usage} />}
        <ListView list={list} empty={t('limit_requests.empty')}>
          {(requests) => (
            <Table.ScrollContainer minWidth={480}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t('common.created_at')}</Table.Th>
                    <Table.Th>{t('limit_requests.asked')}</Table.Th>
                    <Table.Th>{t('limit_requests.state')}</Table.Th>
                    <Table.Th>{t('common.actions')}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {requests.map((one) => (
                    <Table.Tr key={one.id}>
                      <Table.Td>{showTime(one.created_at)}</Table.Td>
                      <Table.Td>
                        <Asked {...one} />
                      </Table.Td>
                      <Table.Td>
                        <Badge color={REQUEST_COLORS[one.state]}>
                          {t(`limit_requests.states.${one.state}`)}
                        </Badge>
                        {one.note !== null && <Text size="sm">{one.note}</Text>}
                      </Table.Td>
                      <Table.Td>
                        {one.state === 'open' && (
                          <Confirm
                            label={t('limit_requests.cancel')}
                            subject={showTime(one.created_at)}
                            text={t('limit_requests.cancel_text')}
                            act={() =>
                              ask(
                                api.POST('/mta/v1/limit_requests/{id}/cancel', {
                                  params: { path: { id: one.id } },
                                }),
                              )
                            }
                            refreshes={[KEY]}
                          />
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </ListView>
      </Stack>
    </Section>
  );
}

/** The requested limits, in words. */
export function Asked({ per_minute: minute, per_day: day }: Pick<LimitRequest, 'per_minute' | 'per_day'>) {
  const { t } = useTranslation();
  const shown = (limit: number) => (limit === 0 ? t('usage.no_limit') : showNumber(limit));
  return (
    <>
      {minute !== null && <Text size="sm">{t('limit_requests.per_minute', { limit: shown(minute) })}</Text>}
      {day !== null && <Text size="sm">{t('limit_requests.per_day', { limit: shown(day) })}</Text>}
    </>
  );
}

/** The service mails the decision to the requester. */
function NewRequest({ usage }: { readonly usage: Usage }) {
  const { t } = useTranslation();
  const form = useForm<Values>({
    initialValues: { per_minute: '', per_day: '', reason: '' },
    validate: {
      per_minute: (value, { per_day }) =>
        value === '' && per_day === '' ? t('limit_requests.one_needed') : null,
      reason: (text) => (text.trim() === '' ? t('form.required') : null),
    },
  });
  const { submit, pending, problem } = useSubmit<Values, LimitRequest>({
    form,
    send: ({ per_minute, per_day, reason }, headers) =>
      ask(
        api.POST('/mta/v1/limit_requests', {
          body: {
            ...(typeof per_minute === 'number' ? { per_minute } : {}),
            ...(typeof per_day === 'number' ? { per_day } : {}),
            reason: reason.trim(),
          },
          headers,
        }),
      ),
    refreshes: [KEY],
    done: () => form.reset(),
  });
  const now = (limit: number) =>
    limit === 0 ? t('usage.no_limit') : t('limit_requests.now', { limit: showNumber(limit) });
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm">
        <ProblemAlert error={problem} />
        <Group align="flex-start" grow preventGrowOverflow={false}>
          <NumberInput
            label={t('limits.per_minute')}
            description={now(usage.per_minute.limit)}
            min={0}
            allowDecimal={false}
            thousandSeparator
            {...form.getInputProps('per_minute')}
          />
          <NumberInput
            label={t('limits.per_day')}
            description={now(usage.per_day.limit)}
            min={0}
            allowDecimal={false}
            thousandSeparator
            {...form.getInputProps('per_day')}
          />
        </Group>
        <Textarea
          label={t('limit_requests.reason')}
          description={t('limit_requests.reason_help')}
          autosize
          minRows={2}
          {...form.getInputProps('reason')}
        />
        <Group>
          <Button type="submit" loading={pending}>
            {t('limit_requests.button')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
