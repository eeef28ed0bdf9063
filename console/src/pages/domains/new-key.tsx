/** A new DKIM key: the service makes it, or the person gives a private key, which is never shown again. */
import { Button, Group, Select, Stack, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { DkimKey } from '../../api/resources.ts';
import { Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

const ALGORITHMS = ['rsa-2048', 'rsa-4096', 'ed25519'] as const;
const OWN = 'own';

interface Values {
  readonly algorithm: (typeof ALGORITHMS)[number] | typeof OWN;
  readonly selector: string;
  readonly private_key: string;
}
export function NewKey({ domainId }: { readonly domainId: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <Section
      title={t('dkim.new')}
      intro={t('dkim.new_intro')}
      actions={
        <Button size="xs" variant="default" aria-expanded={open} onClick={() => setOpen(!open)}>
          {t('dkim.new')}
        </Button>
      }
    >
      {open && <Form domainId={domainId} onDone={() => setOpen(false)} />}
    </Section>
  );
}

function Form({ domainId, onDone }: { readonly domainId: string; readonly onDone: () => void }) {
  const { t } = useTranslation();
  const form = useForm<Values>({
    initialValues: { algorithm: 'rsa-2048', selector: '', private_key: '' },
    validate: {
      selector: (text, { algorithm }) =>
        algorithm === OWN && text.trim() === '' ? t('form.required') : null,
      private_key: (text, { algorithm }) =>
        algorithm === OWN && text.trim() === '' ? t('form.required') : null,
    },
  });
  const own = form.values.algorithm === OWN;
  const { submit, pending, problem } = useSubmit<Values, DkimKey>({
    form,
    send: ({ algorithm, selector, private_key }, headers) =>
      ask(
        api.POST('/mta/v1/domains/{id}/dkim_keys', {
          params: { path: { id: domainId } },
          body: {
            ...(algorithm === OWN ? { private_key } : { algorithm }),
            ...(selector.trim() === '' ? {} : { selector: selector.trim() }),
          },
          headers,
        }),
      ),
    refreshes: [['domains']],
    done: onDone,
  });
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm">
        <ProblemAlert error={problem} />
        <Select
          label={t('dkim.algorithm')}
          data={[
            ...ALGORITHMS.map((value) => ({ value, label: value })),
            { value: OWN, label: t('dkim.own') },
          ]}
          allowDeselect={false}
          {...form.getInputProps('algorithm')}
        />
        <TextInput
          label={t('dkim.selector')}
          description={own ? undefined : t('dkim.selector_help')}
          autoCapitalize="none"
          spellCheck={false}
          {...form.getInputProps('selector')}
        />
        {own && (
          <Textarea
            label={t('dkim.private_key')}
            description={t('dkim.private_key_help')}
            autosize
            minRows={4}
            maxRows={10}
            spellCheck={false}
            autoComplete="off"
            {...form.getInputProps('private_key')}
          />
        )}
        <Group>
          <Button type="submit" loading={pending}>
            {t('common.create')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
