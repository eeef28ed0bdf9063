/**
 * Asks for the password again before ways to sign in can be changed. Afterwards the service permits that for ten
 * minutes; then the form is there again.
 */
import { Button, Group, PasswordInput, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import { useRefresh } from '../api/queries.ts';
import { ProblemAlert } from '../ui/problem.tsx';
import { useSubmit } from '../ui/use-submit.ts';
import { type Account, type Session, useTakeSession } from './session.ts';

const ME = ['me'];
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Whether the ways to sign in may be changed now. When that ends, the account is read again. */
export function useConfirmed({ confirmed_until: until }: Account): boolean {
  const refresh = useRefresh();
  const left = Date.parse(until) - Date.now();
  useEffect(() => {
    const ms = Date.parse(until) - Date.now();
    if (ms <= 0 || ms > LONGEST_TIMER_MS) return;
    const timer = setTimeout(() => void refresh(ME), ms + 1000);
    return () => clearTimeout(timer);
  }, [until, refresh]);
  return left > 0;
}

export function ConfirmFirst({ account }: { readonly account: Account }) {
  const { t } = useTranslation();
  const take = useTakeSession();
  const form = useForm({
    initialValues: { password: '' },
    validate: { password: (text) => (text === '' ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<{ password: string }, Session>({
    form,
    send: ({ password }) => ask(api.POST('/iam/v1/me/confirmation', { body: { password } })),
    refreshes: [ME],
    done(next) {
      form.reset();
      take(next);
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate data-testid="confirm-first">
      <Stack gap="sm">
        <Text size="sm">{t('factors.confirm_first')}</Text>
        <ProblemAlert error={problem} />
        <input type="text" autoComplete="username" value={account.email} readOnly hidden />
        <PasswordInput
          label={t('account.password_current')}
          autoComplete="current-password"
          visibilityToggleButtonProps={{ 'aria-label': t('account.show_password') }}
          {...form.getInputProps('password')}
        />
        <Group>
          <Button type="submit" loading={pending}>
            {t('factors.confirm_first_button')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
