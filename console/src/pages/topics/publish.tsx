/** Publishes a text to a topic by hand. */
import { Alert, Button, Group, Stack, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { Topic } from '../../api/resources.ts';
import { Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

export function Publish({ topic }: { readonly topic: Topic }) {
  const { t } = useTranslation();
  const [sent, setSent] = useState(false);
  const form = useForm({
    initialValues: { message: '' },
    onValuesChange: () => setSent(false),
    validate: { message: (text) => (text === '' ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<{ message: string }, unknown>({
    form,
    fieldOf: (field) => field.replace('arguments.', ''),
    send: ({ message }, headers) =>
      ask(
        api.POST('/edj/v1/tasks', {
          params: { query: { is_sync: true } },
          body: { procedure: 'publish', arguments: { self: topic.self, message } },
          headers,
        }),
      ),
    refreshes: [['topics', topic.id, 'events']],
    done() {
      form.reset();
      setSent(true);
    },
  });
  return (
    <Section title={t('publish.title')} intro={t('publish.intro')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
        <Stack gap="sm">
          <ProblemAlert error={problem} />
          {sent && (
            <Alert color="green" role="status">
              {t('publish.done')}
            </Alert>
          )}
          <Textarea label={t('publish.message')} minRows={4} autosize {...form.getInputProps('message')} />
          <Group>
            <Button type="submit" loading={pending}>
              {t('publish.button')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
