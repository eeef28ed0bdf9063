/**
 * What a member must set first: a password, a second factor, and recovery codes. The console uses the session from the
 * last step only after the member has confirmed that the codes are kept, so nobody misses them.
 */
import { Alert, Button, Group, List, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { connection } from './connection.ts';
import { NewPasskey } from './new-passkey.tsx';
import { NewTotp } from './new-totp.tsx';
import { PasswordForm } from './password-form.tsx';
import { RecoveryCodes } from './recovery-codes.tsx';
import { type Session, type Setup, type SignedIn, useSignOut, useTakeSession } from './session.ts';

const STEPS = ['password', 'second_factor', 'recovery'] as const;
const FACTORS = ['totp', 'passkey'] as const;

export function SetUp({ session: { missing, member } }: { readonly session: Setup }) {
  const { t } = useTranslation();
  const take = useTakeSession();
  const signOut = useSignOut();
  const [factor, setFactor] = useState<(typeof FACTORS)[number]>('totp');
  const [reached, setReached] = useState<SignedIn | null>(null);
  const step = reached === null ? (missing[0] ?? 'second_factor') : 'recovery';
  function factorDone(next: Session): void {
    if (next.state === 'signed_in') {
      connection.set({ csrfToken: next.csrf_token });
      setReached(next);
    } else take(next);
  }
  return (
    <Stack gap="md">
      <Alert color="blue" title={member.email}>
        <List type="ordered" size="sm">
          {STEPS.map((name) => (
            <List.Item key={name} aria-current={name === step ? 'step' : undefined}>
              <Text span inherit fw={name === step ? 700 : 400}>
                {t(`set_up.step.${name}`)}
              </Text>
            </List.Item>
          ))}
        </List>
      </Alert>
      {step === 'password' && <PasswordForm email={member.email} withCurrent={false} onDone={take} />}
      {step === 'second_factor' && (
        <>
          <Text size="sm">{t('set_up.second_factor_text')}</Text>
          <Group gap="xs">
            {FACTORS.map((name) => (
              <Button
                key={name}
                size="xs"
                variant={name === factor ? 'light' : 'default'}
                aria-pressed={name === factor}
                onClick={() => setFactor(name)}
              >
                {t(`factors.${name}`)}
              </Button>
            ))}
          </Group>
          {factor === 'totp' ? <NewTotp onDone={factorDone} /> : <NewPasskey onDone={factorDone} />}
        </>
      )}
      {step === 'recovery' && <RecoveryCodes onDone={() => reached !== null && take(reached)} />}
      {step !== 'recovery' && (
        <Group>
          <Button variant="subtle" size="compact-sm" onClick={() => void signOut()}>
            {t('sign_in.out')}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
