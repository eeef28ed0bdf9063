/** The second step: sets up a verified domain for sending and receiving. It needs a default topic. */
import { Button, Group, Stack, Switch, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { MtaDomain, OwnedDomain } from '../../api/resources.ts';
import { TextLink } from '../../ui/link.tsx';
import { Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { TopicSelect } from '../../ui/topic-select.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { createTopic, useTopics } from '../topics/topics.ts';

interface Values {
  readonly default_topic: string | null;
  readonly receiving: boolean;
}
export function SetUpMta({ owned }: { readonly owned: OwnedDomain }) {
  const { t } = useTranslation();
  const topics = useTopics();
  const form = useForm<Values>({
    initialValues: { default_topic: null, receiving: true },
    validate: { default_topic: (topic) => (topic === null ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<Values, MtaDomain>({
    form,
    send: ({ default_topic, receiving }, headers) =>
      ask(
        api.POST('/mta/v1/domains', {
          body: { domain: { self: owned.self }, default_topic: { self: default_topic ?? '' }, receiving },
          headers,
        }),
      ),
    refreshes: [['domains']],
  });
  const first = useSubmit({
    send: createTopic,
    refreshes: [['topics']],
    done: (topic) => form.setFieldValue('default_topic', topic.self),
  });
  const none = topics.data !== undefined && topics.items.length === 0;
  return (
    <Section title={t('set_up_mta.title')} intro={t('set_up_mta.intro')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
        <Stack gap="sm">
          <ProblemAlert error={problem} />
          <ProblemAlert error={first.problem} />
          {none && (
            <Group gap="sm">
              <Text size="sm">{t('set_up_mta.no_topic')}</Text>
              <Button
                size="compact-sm"
                variant="default"
                loading={first.pending}
                onClick={() => first.submit({ name: owned.name })}
              >
                {t('set_up_mta.make_topic', { name: owned.name })}
              </Button>
              <TextLink to="/topics" size="sm">
                {t('topics.title')}
              </TextLink>
            </Group>
          )}
          <TopicSelect
            label={t('domains.default_topic')}
            description={t('domains.default_topic_help')}
            {...form.getInputProps('default_topic')}
          />
          <Switch
            label={t('domains.receiving')}
            description={t('domains.receiving_help')}
            {...form.getInputProps('receiving', { type: 'checkbox' })}
          />
          <Group>
            <Button type="submit" loading={pending}>
              {t('set_up_mta.button')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
