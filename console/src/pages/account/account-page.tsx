/** The own account: name and language, password, second factors, recovery codes, sessions. */
import { Button, Group, Select, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useRefresh, useResource } from '../../api/queries.ts';
import { changeLanguage, isLanguage, LANGUAGES } from '../../i18n.ts';
import { ConfirmFirst, useConfirmed } from '../../session/confirm-first.tsx';
import { PasswordForm } from '../../session/password-form.tsx';
import { RecoveryCodes } from '../../session/recovery-codes.tsx';
import { type Account, type Me, useRereadSession, useTakeSession } from '../../session/session.ts';
import { Page, Section, Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { Factors } from './factors.tsx';
import { OwnSessions } from './own-sessions.tsx';

export function AccountPage() {
  const { t } = useTranslation();
  const take = useTakeSession();
  const refresh = useRefresh();
  const [round, setRound] = useState(0);
  const query = useResource(['me'], (signal) => ask(api.GET('/iam/v1/me', { signal })));
  const me = query.data;
  return (
    <Page title={t('account.title')} intro={me?.email}>
      <Waiting query={query} />
      {me !== undefined && (
        <>
          <Profile me={me} />
          <Section title={t('account.password')} intro={t('account.password_ends')}>
            <PasswordForm email={me.email} withCurrent onDone={take} />
          </Section>
          <Factors account={me} />
          <Section
            title={t('factors.recovery')}
            intro={t('factors.recovery_left', { n: me.recovery_codes_left })}
          >
            <NewRecoveryCodes
              account={me}
              key={round}
              onDone={() => {
                setRound(round + 1);
                void refresh(['me']);
              }}
            />
          </Section>
          <OwnSessions />
        </>
      )}
    </Page>
  );
}

function NewRecoveryCodes({ account, onDone }: { readonly account: Account; readonly onDone: () => void }) {
  const first = useConfirmed(account) ? null : <ConfirmFirst account={account} />;
  return <RecoveryCodes onDone={onDone} first={first} />;
}

interface Values {
  readonly name: string;
  readonly language: string;
}
function Profile({ me }: { readonly me: Me }) {
  const { t } = useTranslation();
  const reread = useRereadSession();
  const form = useForm<Values>({
    initialValues: { name: me.name, language: me.language },
    validate: { name: (text) => (text.trim() === '' ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<Values, Me>({
    form,
    send: ({ name, language }) =>
      ask(
        api.PATCH('/iam/v1/me', {
          body: { name: name.trim(), ...(isLanguage(language) ? { language } : {}) },
        }),
      ),
    refreshes: [['me']],
    done(_me, { language }) {
      if (isLanguage(language)) void changeLanguage(language);
      void reread();
    },
  });
  return (
    <Section title={t('account.profile')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
        <Stack gap="sm">
          <ProblemAlert error={problem} />
          <TextInput label={t('account.name')} autoComplete="name" {...form.getInputProps('name')} />
          <Select
            label={t('language.label')}
            description={t('language.help')}
            data={LANGUAGES.map((value) => ({ value, label: t(`language.name.${value}`) }))}
            allowDeselect={false}
            {...form.getInputProps('language')}
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
