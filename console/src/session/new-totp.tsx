/** Sets up one-time codes: shows the secret as QR code and text, then asks for a code as proof that the app has it. */
import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import { Copy } from '../ui/copy.tsx';
import { ProblemAlert } from '../ui/problem.tsx';
import { useSubmit } from '../ui/use-submit.ts';
import type { Session } from './session.ts';

const QrCode = lazy(() => import('../ui/qr-code.tsx'));

export function NewTotp({ onDone }: { readonly onDone: (next: Session) => void }) {
  const { t } = useTranslation();
  const begin = useMutation({
    mutationFn: () => ask(api.POST('/iam/v1/me/totp')),
  });
  const begun = useRef(false);
  const { mutate } = begin;
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    mutate();
  }, [mutate]);
  const form = useForm({
    initialValues: { code: '' },
    validate: { code: (code) => (/^\d{6}$/.test(code.replace(/\s/g, '')) ? null : t('factors.code_wrong')) },
  });
  const { submit, pending, problem } = useSubmit<{ code: string }, Session>({
    form,
    send: ({ code }) => ask(api.POST('/iam/v1/me/totp/confirm', { body: { code: code.replace(/\s/g, '') } })),
    done: onDone,
  });
  if (begin.data === undefined) return <ProblemAlert error={begin.error} retry={() => mutate()} />;
  const { secret, uri } = begin.data;
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm">
        <Text size="sm">{t('factors.totp_scan')}</Text>
        <Suspense>
          <QrCode text={uri} label={t('factors.totp_qr')} />
        </Suspense>
        <Copy label={t('factors.totp_secret')} value={secret} />
        <ProblemAlert error={problem} />
        <TextInput
          label={t('sign_in.code.totp')}
          description={t('factors.totp_code_help')}
          inputMode="numeric"
          autoComplete="one-time-code"
          {...form.getInputProps('code')}
        />
        <Group>
          <Button type="submit" loading={pending}>
            {t('factors.confirm')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
