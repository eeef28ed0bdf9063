/** Event rules (イベントルール): which events of a domain's deliveries or of the project go to which topic. */

import { Button, Checkbox, Group, SimpleGrid, Stack } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { DELIVERY_EVENTS, PROJECT_EVENTS } from '../../../../src/contract/events.ts';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { EventRule } from '../../api/resources.ts';
import { eventLabel, eventSentence } from '../../i18n.ts';
import { ListView, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { TopicSelect } from '../../ui/topic-select.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { RULES_AT_ONCE, RuleList } from './rule-list.tsx';

interface Values {
  readonly names: string[];
  readonly topic: string | null;
}
/** `domainId` null: the project's own events. */
export function EventRules({ domainId }: { readonly domainId: string | null }) {
  const { t } = useTranslation();
  const key = ['domains', 'rules', domainId, 'event'];
  const path = { id: domainId ?? '' };
  const list = useList(key, (cursor, signal) =>
    ask(
      domainId === null
        ? api.GET('/mta/v1/event_rules', { params: { query: { cursor, limit: RULES_AT_ONCE } }, signal })
        : api.GET('/mta/v1/domains/{id}/event_rules', {
            params: { path, query: { cursor, limit: RULES_AT_ONCE } },
            signal,
          }),
    ),
  );
  const form = useForm<Values>({
    initialValues: { names: [], topic: null },
    validate: {
      names: (names) => (names.length === 0 ? t('rules.event.names_wrong') : null),
      topic: (topic) => (topic === null ? t('form.required') : null),
    },
  });
  const { submit, pending, problem } = useSubmit<Values, EventRule>({
    form,
    send({ names, topic }, headers) {
      const body = { names, topic: { self: topic ?? '' } };
      return ask(
        domainId === null
          ? api.POST('/mta/v1/event_rules', { body, headers })
          : api.POST('/mta/v1/domains/{id}/event_rules', { params: { path }, body, headers }),
      );
    },
    refreshes: [key],
    done: () => form.reset(),
  });
  const namesOf = (rule: EventRule) =>
    rule.names.map((name) => eventLabel(name)).join(t('common.list_separator'));
  return (
    <Stack>
      <Section
        title={t('rules.event.new')}
        intro={domainId === null ? t('rules.event.intro_project') : t('rules.event.intro')}
      >
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <Stack gap="sm">
            <ProblemAlert error={problem} />
            <Checkbox.Group label={t('rules.event.names')} {...form.getInputProps('names')}>
              <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xs" mt="xs">
                {(domainId === null ? PROJECT_EVENTS : DELIVERY_EVENTS).map((name) => (
                  <Checkbox
                    key={name}
                    value={name}
                    label={eventLabel(name)}
                    description={eventSentence(name)}
                  />
                ))}
              </SimpleGrid>
            </Checkbox.Group>
            <TopicSelect label={t('rules.topic')} {...form.getInputProps('topic')} />
            <Group>
              <Button type="submit" loading={pending}>
                {t('common.add')}
              </Button>
            </Group>
          </Stack>
        </form>
      </Section>
      <ListView list={list} empty={t('rules.event.empty')}>
        {(rules) => (
          <RuleList
            rules={rules}
            about={{ title: t('rules.event.names'), of: namesOf }}
            refreshes={key}
            remove={({ id: rule }) =>
              ask(
                domainId === null
                  ? api.DELETE('/mta/v1/event_rules/{rule}', { params: { path: { rule } } })
                  : api.DELETE('/mta/v1/domains/{id}/event_rules/{rule}', {
                      params: { path: { ...path, rule } },
                    }),
              )
            }
          />
        )}
      </ListView>
    </Stack>
  );
}
