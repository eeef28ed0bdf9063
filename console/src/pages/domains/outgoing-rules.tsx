/** Send rules (送信ルール): every message the domain sends is published to the topic. */
import { Button, Group, Stack } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { MtaDomain, OutgoingRule } from '../../api/resources.ts';
import { ListView, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { TopicSelect } from '../../ui/topic-select.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { RULES_AT_ONCE, RuleList } from './rule-list.tsx';

export function OutgoingRules({ domain: { id } }: { readonly domain: MtaDomain }) {
  const { t } = useTranslation();
  const key = ['domains', 'rules', id, 'outgoing'];
  const list = useList(key, (cursor, signal) =>
    ask(
      api.GET('/mta/v1/domains/{id}/outgoing_rules', {
        params: { path: { id }, query: { cursor, limit: RULES_AT_ONCE } },
        signal,
      }),
    ),
  );
  const form = useForm<{ topic: string | null }>({
    initialValues: { topic: null },
    validate: { topic: (topic) => (topic === null ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<{ topic: string | null }, OutgoingRule>({
    form,
    send: ({ topic }, headers) =>
      ask(
        api.POST('/mta/v1/domains/{id}/outgoing_rules', {
          params: { path: { id } },
          body: { topic: { self: topic ?? '' } },
          headers,
        }),
      ),
    refreshes: [key],
  });
  return (
    <Stack>
      <Section title={t('rules.outgoing.new')} intro={t('rules.outgoing.intro')}>
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <Stack gap="sm">
            <ProblemAlert error={problem} />
            <TopicSelect label={t('rules.topic')} {...form.getInputProps('topic')} />
            <Group>
              <Button type="submit" loading={pending}>
                {t('common.add')}
              </Button>
            </Group>
          </Stack>
        </form>
      </Section>
      <ListView list={list} empty={t('rules.outgoing.empty')}>
        {(rules) => (
          <RuleList
            rules={rules}
            refreshes={key}
            remove={(rule) =>
              ask(
                api.DELETE('/mta/v1/domains/{id}/outgoing_rules/{rule}', {
                  params: { path: { id, rule: rule.id } },
                }),
              )
            }
          />
        )}
      </ListView>
    </Stack>
  );
}
