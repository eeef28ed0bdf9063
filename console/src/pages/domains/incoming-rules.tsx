/** Receive rules (受信ルール): which recipients of the domain are published to which topic. */
import { Button, Group, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { IncomingRule, MtaDomain } from '../../api/resources.ts';
import { ListView, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { TopicSelect } from '../../ui/topic-select.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { RULES_AT_ONCE, RuleList } from './rule-list.tsx';

const TYPES = ['account', 'all', 'catch_all'] as const;
const LOCAL_PART = /^(?=[a-z0-9\-_.]{1,64}$)[a-z0-9\-_]+(?:\.[a-z0-9\-_]+)*$/;

interface Values {
  readonly type: (typeof TYPES)[number];
  readonly local_part: string;
  readonly topic: string | null;
}
export function IncomingRules({ domain: { id, name } }: { readonly domain: MtaDomain }) {
  const { t } = useTranslation();
  const key = ['domains', 'rules', id, 'incoming'];
  const list = useList(key, (cursor, signal) =>
    ask(
      api.GET('/mta/v1/domains/{id}/incoming_rules', {
        params: { path: { id }, query: { cursor, limit: RULES_AT_ONCE } },
        signal,
      }),
    ),
  );
  const form = useForm<Values>({
    initialValues: { type: 'account', local_part: '', topic: null },
    validate: {
      local_part: (text, { type }) =>
        type !== 'account' || LOCAL_PART.test(text.trim()) ? null : t('rules.incoming.local_part_wrong'),
      topic: (topic) => (topic === null ? t('form.required') : null),
    },
  });
  const { submit, pending, problem } = useSubmit<Values, IncomingRule>({
    form,
    send: ({ type, local_part, topic }, headers) =>
      ask(
        api.POST('/mta/v1/domains/{id}/incoming_rules', {
          params: { path: { id } },
          body: {
            type,
            ...(type === 'account' ? { local_part: local_part.trim() } : {}),
            topic: { self: topic ?? '' },
          },
          headers,
        }),
      ),
    refreshes: [key],
    done: () => form.setFieldValue('local_part', ''),
  });
  const about = (rule: IncomingRule) =>
    rule.type === 'account' ? `${rule.local_part}@${name}` : t(`rules.incoming.types.${rule.type}`);
  return (
    <Stack>
      <Section title={t('rules.incoming.new')} intro={t('rules.incoming.intro')}>
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <Stack gap="sm">
            <ProblemAlert error={problem} />
            <Radio.Group label={t('rules.incoming.type')} {...form.getInputProps('type')}>
              <Stack gap="xs" mt="xs">
                {TYPES.map((type) => (
                  <Radio
                    key={type}
                    value={type}
                    label={t(`rules.incoming.types.${type}`)}
                    description={t(`rules.incoming.types_help.${type}`)}
                  />
                ))}
              </Stack>
            </Radio.Group>
            {form.values.type === 'account' && (
              <TextInput
                label={t('rules.incoming.local_part')}
                rightSection={<Text size="sm">{t('rules.incoming.at', { name })}</Text>}
                rightSectionWidth="45%"
                autoCapitalize="none"
                spellCheck={false}
                {...form.getInputProps('local_part')}
              />
            )}
            <TopicSelect label={t('rules.topic')} {...form.getInputProps('topic')} />
            <Group>
              <Button type="submit" loading={pending}>
                {t('common.add')}
              </Button>
            </Group>
          </Stack>
        </form>
      </Section>
      <ListView list={list} empty={t('rules.incoming.empty')}>
        {(rules) => (
          <RuleList
            rules={rules}
            about={{ title: t('rules.incoming.recipient'), of: about }}
            refreshes={key}
            remove={(rule) =>
              ask(
                api.DELETE('/mta/v1/domains/{id}/incoming_rules/{rule}', {
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
