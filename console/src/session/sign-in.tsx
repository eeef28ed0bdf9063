/** Signing in: e-mail and password, then the second factor: passkey, one-time code, or a recovery code. */
import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import { ProblemAlert } from '../ui/problem.tsx';
import { useSubmit } from '../ui/use-submit.ts';
import { SecondStep } from './second-step.tsx';
import { type SecondFactor, type Session, type SignedOut, useTakeSession } from './session.ts';

interface SignInProps {
  readonly session: SignedOut | SecondFactor;
  /** The e-mail address of the person whose session has ended. */
  readonly email?: string;
}
export function SignIn({ session, email = '' }: SignInProps) {
  const { t } = useTranslation();
  const take = useTakeSession();
  // Over an ended session, the stored session stays that of the page, so the current step is kept here.
  const [step, setStep] = useState<SignedOut | SecondFactor>(session);
  const form = useForm({
    initialValues: { email, password: '' },
    validate: {
      email: (text) => (text.includes('@') ? null : t('form.email')),
      password: (text) => (text === '' ? t('form.required') : null),
    },
  });
  const { submit, pending, problem } = useSubmit<{ email: string; password: string }, Session>({
    form,
    send: (body) => ask(api.POST('/iam/v1/session', { body })),
    done(next) {
      take(next);
      if (next.state === 'second_factor') setStep(next);
      form.setFieldValue('password', '');
    },
  });
  if (step.state === 'second_factor')
    return <SecondStep methods={step.methods} onBack={() => setStep({ state: 'signed_out' })} />;
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm">
        <ProblemAlert error={problem} />
        <TextInput
          label={t('account.email')}
          type="email"
          autoComplete="username"
          {...form.getInputProps('email')}
        />
        <PasswordInput
          label={t('account.password')}
          autoComplete="current-password"
          visibilityToggleButtonProps={{ 'aria-label': t('account.show_password') }}
          {...form.getInputProps('password')}
        />
        <Button type="submit" loading={pending} fullWidth>
          {t('sign_in.button')}
        </Button>
      </Stack>
    </form>
  );
}
