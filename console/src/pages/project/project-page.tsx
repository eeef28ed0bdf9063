/** The project's settings: its name, retention and retries of its mail, its own event rules, and closing it. */
import { Button, Group, NumberInput, Select, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import type { Project, SendingSettings } from '../../api/resources.ts';
import { useConnection } from '../../session/connection.ts';
import { useRereadSession } from '../../session/session.ts';
import { Page, Section, Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { EventRules } from '../domains/event-rules.tsx';
import { Closing } from './closing.tsx';

export function ProjectPage() {
  const { t } = useTranslation();
  const { projectId } = useConnection();
  const path = { id: projectId ?? '' };
  const project = useResource(['project'], (signal) =>
    ask(api.GET('/iam/v1/projects/{id}', { params: { path }, signal })),
  );
  const settings = useResource(['settings'], (signal) => ask(api.GET('/mta/v1/settings', { signal })));
  return (
    <Page title={t('project.title')}>
      <Waiting query={project} />
      {project.data !== undefined && <Rename project={project.data} />}
      <Waiting query={settings} />
      {settings.data !== undefined && <Sending settings={settings.data} />}
      <EventRules domainId={null} />
      {project.data !== undefined && <Closing project={project.data} />}
    </Page>
  );
}

function Rename({ project: { id, name } }: { readonly project: Project }) {
  const { t } = useTranslation();
  const reread = useRereadSession();
  const form = useForm({
    initialValues: { name },
    validate: { name: (text) => (text.trim() === '' ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<{ name: string }, Project>({
    form,
    send: (values) =>
      ask(
        api.PATCH('/iam/v1/projects/{id}', { params: { path: { id } }, body: { name: values.name.trim() } }),
      ),
    refreshes: [['project']],
    done: () => void reread(),
  });
  return (
    <Section title={t('project.rename')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
        <ProblemAlert error={problem} />
        <Group align="flex-start" gap="sm">
          <TextInput label={t('project.name')} className="grow" {...form.getInputProps('name')} />
          <Button type="submit" loading={pending} className="beside-field">
            {t('common.save')}
          </Button>
        </Group>
      </form>
    </Section>
  );
}

interface Values {
  readonly over_limit: 'reject' | 'hold';
  readonly retention_days: number | string;
}
function Sending({ settings }: { readonly settings: SendingSettings }) {
  const { t } = useTranslation();
  const form = useForm<Values>({
    initialValues: { over_limit: settings.over_limit, retention_days: settings.retention_days },
    validate: { retention_days: (days) => (typeof days === 'number' ? null : t('form.required')) },
  });
  const { submit, pending, problem } = useSubmit<Values, SendingSettings>({
    form,
    send: ({ over_limit, retention_days: days }) =>
      ask(
        api.PATCH('/mta/v1/settings', {
          body: { over_limit, ...(typeof days === 'number' ? { retention_days: days } : {}) },
        }),
      ),
    refreshes: [['settings']],
  });
  return (
    <Section title={t('sending.title')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
        <Stack gap="sm">
          <ProblemAlert error={problem} />
          <Select
            label={t('sending.over_limit')}
            data={(['reject', 'hold'] as const).map((value) => ({
              value,
              label: t(`sending.over_limits.${value}`),
            }))}
            allowDeselect={false}
            {...form.getInputProps('over_limit')}
          />
          <NumberInput
            label={t('sending.retention')}
            description={t('sending.retention_help')}
            min={1}
            allowDecimal={false}
            {...form.getInputProps('retention_days')}
          />
          <Group>
            <Button type="submit" loading={pending}>
              {t('common.save')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
