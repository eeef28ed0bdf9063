/** Sets a password. Asks for the current one if the service requires it. The service checks the rules. */
import { Button, Group, PasswordInput, Stack } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import { ProblemAlert } from '../ui/problem.tsx';
import { useSubmit } from '../ui/use-submit.ts';
import type { Session } from './session.ts';

const SHORTEST = 10;

interface PasswordFormProps {
  readonly email: string;
  /** The current password has to be given. */
  readonly withCurrent: boolean;
  readonly onDone: (next: Session) => void;
}
interface Values {
  readonly current: string;
  readonly new: string;
  readonly again: string;
}
export function PasswordForm({ email, withCurrent, onDone }: PasswordFormProps) {
  const { t } = useTranslation();
  const form = useForm<Values>({
    initialValues: { current: '', new: '', again: '' },
    validate: {
      current: (text) => (withCurrent && text === '' ? t('form.required') : null),
      new: (text) => ([...text].length < SHORTEST ? t('account.password_short', { least: SHORTEST }) : null),
      again: (text, values) => (text === values.new ? null : t('account.password_differs')),
    },
  });
  const { submit, pending, problem } = useSubmit<Values, Session>({
    form,
    send: (values) =>
      ask(
        api.PUT('/iam/v1/me/password', {
          body: { new: values.new, ...(withCurrent ? { current: values.current } : {}) },
        }),
      ),
    done(next) {
      form.reset();
      onDone(next);
    },
  });
  const toggle = { 'aria-label': t('account.show_password') };
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm">
        <ProblemAlert error={problem} />
        <input type="text" autoComplete="username" value={email} readOnly hidden />
        {withCurrent && (
          <PasswordInput
            label={t('account.password_current')}
            autoComplete="current-password"
            visibilityToggleButtonProps={toggle}
            {...form.getInputProps('current')}
          />
        )}
        <PasswordInput
          label={t('account.password_new')}
          description={t('account.password_help', { least: SHORTEST })}
          autoComplete="new-password"
          visibilityToggleButtonProps={toggle}
          {...form.getInputProps('new')}
        />
        <PasswordInput
          label={t('account.password_again')}
          autoComplete="new-password"
          visibilityToggleButtonProps={toggle}
          {...form.getInputProps('again')}
        />
        <Group>
          <Button type="submit" loading={pending}>
            {t('account.password_set')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
