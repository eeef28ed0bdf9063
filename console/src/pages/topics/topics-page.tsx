/** All topics of the project; for making a topic. */
import { Button, Group, Table, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { showTime } from '../../i18n.ts';
import { TextLink } from '../../ui/link.tsx';
import { ListView, Page, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { createTopic, useTopics } from './topics.ts';

export function TopicsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const list = useTopics();
  const form = useForm({
    initialValues: { name: '' },
    validate: { name: (name) => (name.trim() === '' ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit({
    form,
    send: createTopic,
    refreshes: [['topics']],
    done: (topic) => void navigate({ to: '/topics/$id', params: { id: topic.id } }),
  });
  return (
    <Page title={t('topics.title')} intro={t('topics.intro')}>
      <Section title={t('topics.new')}>
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <ProblemAlert error={problem} />
          <Group align="flex-start" gap="sm">
            <TextInput
              label={t('topics.name')}
              description={t('topics.name_help')}
              className="grow"
              {...form.getInputProps('name')}
            />
            <Button type="submit" loading={pending} className="beside-described-field">
              {t('common.create')}
            </Button>
          </Group>
        </form>
      </Section>
      <ListView list={list} empty={t('topics.empty')}>
        {(topics) => (
          <Table.ScrollContainer minWidth={320}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('topics.name')}</Table.Th>
                  <Table.Th>{t('common.created_at')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {topics.map(({ id, name, created_at }) => (
                  <Table.Tr key={id}>
                    <Table.Td>
                      <TextLink to="/topics/$id" params={{ id }}>
                        {name}
                      </TextLink>
                    </Table.Td>
                    <Table.Td>{showTime(created_at)}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </ListView>
    </Page>
  );
}
