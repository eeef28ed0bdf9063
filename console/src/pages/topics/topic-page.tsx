/** One topic: its subscribers, its events (live), and publishing by hand. */
import { Button, Group, Tabs, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import type { Topic } from '../../api/resources.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Page, Section, Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { Events } from './events.tsx';
import { Publish } from './publish.tsx';
import { Subscribers } from './subscribers.tsx';

export function TopicPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: '/topics/$id' });
  const { tab = 'subscribers' } = useSearch({ from: '/topics/$id' });
  const navigate = useNavigate();
  const query = useResource(['topics', id], (signal) =>
    ask(api.GET('/edj/v1/topics/{id}', { params: { path: { id } }, signal })),
  );
  const topic = query.data;
  if (topic === undefined)
    return (
      <Page title={t('topics.one')}>
        <Waiting query={query} />
      </Page>
    );
  return (
    <Page
      title={topic.name}
      actions={
        <Confirm
          label={t('common.delete')}
          subject={topic.name}
          text={t('topics.delete_text')}
          act={() => ask(api.DELETE('/edj/v1/topics/{id}', { params: { path: { id } } }))}
          done={() => void navigate({ to: '/topics' })}
          refreshes={[['topics']]}
        />
      }
    >
      <Tabs
        value={tab}
        onChange={(next) =>
          void navigate({
            to: '/topics/$id',
            params: { id },
            search: { tab: next ?? undefined },
            replace: true,
          })
        }
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="subscribers">{t('subscribers.title')}</Tabs.Tab>
          <Tabs.Tab value="events">{t('events.title')}</Tabs.Tab>
          <Tabs.Tab value="publish">{t('publish.title')}</Tabs.Tab>
          <Tabs.Tab value="settings">{t('common.settings')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="subscribers">
          <Subscribers topicId={id} />
        </Tabs.Panel>
        <Tabs.Panel value="events">
          <Events topicId={id} />
        </Tabs.Panel>
        <Tabs.Panel value="publish">
          <Publish topic={topic} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <Rename topic={topic} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Rename({ topic: { id, name } }: { readonly topic: Topic }) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { name },
    validate: { name: (text) => (text.trim() === '' ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<{ name: string }, Topic>({
    form,
    send: (values) =>
      ask(api.PATCH('/edj/v1/topics/{id}', { params: { path: { id } }, body: { name: values.name.trim() } })),
    refreshes: [['topics']],
  });
  return (
    <Section title={t('topics.rename')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
        <ProblemAlert error={problem} />
        <Group align="flex-start" gap="sm">
          <TextInput label={t('topics.name')} className="grow" {...form.getInputProps('name')} />
          <Button type="submit" loading={pending} className="beside-field">
            {t('common.save')}
          </Button>
        </Group>
      </form>
    </Section>
  );
}
