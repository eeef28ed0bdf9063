/** Makes a passkey on this device or on a security key. */
import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import { ProblemAlert } from '../ui/problem.tsx';
import { useSubmit } from '../ui/use-submit.ts';
import { makePasskey, passkeysWork } from './passkeys.ts';
import type { Session } from './session.ts';

export function NewPasskey({ onDone }: { readonly onDone: (next: Session) => void }) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { name: '' },
    validate: { name: (name) => (name.trim() === '' ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<{ name: string }, Session>({
    form,
    async send({ name }) {
      const options = await ask(api.POST('/iam/v1/me/passkeys/options'));
      const response = await makePasskey(options);
      const made = await ask(
        api.POST('/iam/v1/me/passkeys', { body: { name: name.trim(), response: { ...response } } }),
      );
      return made.session;
    },
    done(next) {
      form.reset();
      onDone(next);
    },
  });
  if (!passkeysWork()) return <Text size="sm">{t('factors.passkey_unsupported')}</Text>;
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm">
        <ProblemAlert error={problem} />
        <TextInput
          label={t('factors.passkey_name')}
          description={t('factors.passkey_name_help')}
          {...form.getInputProps('name')}
        />
        <Group>
          <Button type="submit" loading={pending}>
            {t('factors.passkey_make')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
