/**
 * The page of a one-time link. A button uses the link, because opening the page must not use it up. A person with the
 * first owner's link enters who they are. An invited person who has an account signs in and accepts.
 */
import { Button, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiProblem, api, ask } from '../api/client.ts';
import { language } from '../i18n.ts';
import { TextLink } from '../ui/link.tsx';
import { ProblemAlert } from '../ui/problem.tsx';
import { useSubmit } from '../ui/use-submit.ts';
import { Entry } from './entry.tsx';
import { type Session, useRereadSession, useSession, useTakeSession } from './session.ts';
import { SignIn } from './sign-in.tsx';

interface Values {
  readonly email: string;
  readonly name: string;
}
export function LinkPage() {
  const { t } = useTranslation();
  const { token } = useParams({ from: '/link/$token' });
  const navigate = useNavigate();
  const take = useTakeSession();
  const reread = useRereadSession();
  const [asked, setAsked] = useState(false);
  const form = useForm<Values>({
    initialValues: { email: '', name: '' },
    validate: { email: (text) => (!asked || text.includes('@') ? null : t('form.email')) },
  });
  const { submit, pending, problem } = useSubmit<Values, Session>({
    form: asked ? form : undefined,
    async send({ email, name }) {
      try {
        return await ask(
          api.POST('/iam/v1/session/link', {
            body: {
              token,
              language: language(),
              ...(asked ? { email: email.trim() } : {}),
              ...(name.trim() === '' ? {} : { name: name.trim() }),
            },
          }),
        );
      } catch (error) {
        if (error instanceof ApiProblem && error.field === 'email' && !asked) setAsked(true);
        throw error;
      }
    },
    done(next) {
      take(next);
      void navigate({ to: '/', replace: true });
    },
  });
  const accept = useSubmit<object, unknown>({
    send: () => ask(api.POST('/iam/v1/invitations/accept', { body: { token } })),
    async done() {
      await reread();
      void navigate({ to: '/', replace: true });
    },
  });
  const { data: session } = useSession();
  const signInFirst = problem instanceof ApiProblem && problem.type === 'sign-in-first';
  if (session?.state === 'signed_in')
    return (
      <Entry title={t('link.title')}>
        <Stack gap="sm">
          <Text size="sm">{t('link.accept_text', { email: session.member.email })}</Text>
          <ProblemAlert error={accept.problem} />
          <Button loading={accept.pending} onClick={() => accept.submit({})}>
            {t('link.accept')}
          </Button>
          <TextLink to="/" size="sm">
            {t('home.title')}
          </TextLink>
        </Stack>
      </Entry>
    );
  if (signInFirst || session?.state === 'second_factor')
    return (
      <Entry title={t('sign_in.title')}>
        <Text size="sm" mb="md">
          {t('link.sign_in_first')}
        </Text>
        <SignIn session={session?.state === 'second_factor' ? session : { state: 'signed_out' }} />
      </Entry>
    );
  const isQuestion = problem instanceof ApiProblem && problem.field === 'email';
  return (
    <Entry title={t('link.title')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
        <Stack gap="sm">
          <Text size="sm">{asked ? t('link.who') : t('link.text')}</Text>
          {!isQuestion && <ProblemAlert error={problem} />}
          {asked && (
            <>
              <TextInput
                label={t('account.email')}
                type="email"
                autoComplete="email"
                {...form.getInputProps('email')}
              />
              <TextInput label={t('account.name')} autoComplete="name" {...form.getInputProps('name')} />
            </>
          )}
          <Button type="submit" loading={pending}>
            {t('link.button')}
          </Button>
        </Stack>
      </form>
    </Entry>
  );
}
