/** The second factor: shows the member's methods, one at a time. */
import { Anchor, Button, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import { ProblemAlert } from '../ui/problem.tsx';
import { useSubmit } from '../ui/use-submit.ts';
import { askPasskey } from './passkeys.ts';
import { type Method, type Session, useTakeSession } from './session.ts';

interface SecondStepProps {
  readonly methods: readonly Method[];
  readonly onBack: () => void;
}
export function SecondStep({ methods, onBack }: SecondStepProps) {
  const { t } = useTranslation();
  const [method, setMethod] = useState<Method>(methods[0] ?? 'totp');
  return (
    <Stack gap="sm">
      {method === 'passkey' ? <PasskeyStep /> : <CodeStep key={method} method={method} />}
      {methods
        .filter((other) => other !== method)
        .map((other) => (
          <Anchor key={other} component="button" type="button" size="sm" onClick={() => setMethod(other)}>
            {t(`sign_in.use.${other}`)}
          </Anchor>
        ))}
      <Anchor component="button" type="button" size="sm" onClick={onBack}>
        {t('sign_in.back')}
      </Anchor>
    </Stack>
  );
}

function PasskeyStep() {
  const { t } = useTranslation();
  const take = useTakeSession();
  const { submit, pending, problem } = useSubmit<object, Session>({
    async send() {
      const options = await ask(api.POST('/iam/v1/session/passkey/options'));
      const response = await askPasskey(options);
      return ask(api.POST('/iam/v1/session/passkey', { body: { response: { ...response } } }));
    },
    done: take,
  });
  return (
    <>
      <Text size="sm">{t('sign_in.passkey_text')}</Text>
      <ProblemAlert error={problem} />
      <Button loading={pending} onClick={() => submit({})} fullWidth>
        {t('sign_in.passkey')}
      </Button>
    </>
  );
}

function CodeStep({ method }: { readonly method: 'totp' | 'recovery' }) {
  const { t } = useTranslation();
  const take = useTakeSession();
  const form = useForm({
    initialValues: { code: '' },
    validate: { code: (code) => (code.trim() === '' ? t('form.required') : null) },
  });
  const { submit, pending, problem } = useSubmit<{ code: string }, Session>({
    form,
    send({ code }) {
      const body = { code: code.trim() };
      return ask(
        method === 'totp'
          ? api.POST('/iam/v1/session/totp', { body })
          : api.POST('/iam/v1/session/recovery', { body }),
      );
    },
    done: take,
  });
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm">
        <ProblemAlert error={problem} />
        <TextInput
          label={t(`sign_in.code.${method}`)}
          description={t(`sign_in.code_help.${method}`)}
          autoComplete="one-time-code"
          inputMode={method === 'totp' ? 'numeric' : 'text'}
          data-autofocus
          {...form.getInputProps('code')}
        />
        <Button type="submit" loading={pending} fullWidth>
          {t('sign_in.button')}
        </Button>
      </Stack>
    </form>
  );
}
