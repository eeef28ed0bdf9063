/** The second factors: one-time codes and passkeys. At least one always remains. */
import { Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useRefresh } from '../../api/queries.ts';
import { showTime } from '../../i18n.ts';
import { ConfirmFirst, useConfirmed } from '../../session/confirm-first.tsx';
import { NewPasskey } from '../../session/new-passkey.tsx';
import { NewTotp } from '../../session/new-totp.tsx';
import { type Account, type Session, useTakeSession } from '../../session/session.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Section } from '../../ui/page.tsx';

const ME = ['me'];

export function Factors({ account }: { readonly account: Account }) {
  const { t } = useTranslation();
  const take = useTakeSession();
  const refresh = useRefresh();
  const [adding, setAdding] = useState<'totp' | 'passkey' | null>(null);
  function done(next: Session): void {
    take(next);
    setAdding(null);
    void refresh(ME);
  }
  const confirmed = useConfirmed(account);
  const toggle = (what: 'totp' | 'passkey') => setAdding(adding === what ? null : what);
  return (
    <Section title={t('factors.title')} intro={t('factors.intro')}>
      <Stack gap="md">
        {!confirmed && <ConfirmFirst account={account} />}
        <Group justify="space-between">
          <Group gap="xs">
            <Text fw={600}>{t('factors.totp')}</Text>
            <Badge color={account.has_totp ? 'green' : 'gray'} variant="light">
              {account.has_totp ? t('factors.on') : t('factors.off')}
            </Badge>
          </Group>
          <Group gap="xs">
            <Button
              size="compact-sm"
              variant="default"
              aria-expanded={adding === 'totp'}
              disabled={!confirmed}
              onClick={() => toggle('totp')}
            >
              {account.has_totp ? t('factors.totp_renew') : t('factors.totp_add')}
            </Button>
            {confirmed && account.has_totp && (
              <Confirm
                label={t('common.delete')}
                subject={t('factors.totp')}
                text={t('factors.delete_text')}
                act={() => ask(api.DELETE('/iam/v1/me/totp'))}
                refreshes={[ME]}
              />
            )}
          </Group>
        </Group>
        {confirmed && adding === 'totp' && <NewTotp onDone={done} />}
        <Group justify="space-between">
          <Text fw={600}>{t('factors.passkeys')}</Text>
          <Button
            size="compact-sm"
            variant="default"
            aria-expanded={adding === 'passkey'}
            disabled={!confirmed}
            onClick={() => toggle('passkey')}
          >
            {t('factors.passkey_add')}
          </Button>
        </Group>
        {confirmed && adding === 'passkey' && <NewPasskey onDone={done} />}
        {account.passkeys.length === 0 && (
          <Text size="sm" c="dimmed">
            {t('factors.no_passkeys')}
          </Text>
        )}
        {account.passkeys.map(({ id, name, created_at, last_used_at }) => (
          <Group key={id} justify="space-between">
            <div className="page-heading">
              <Text className="wrap">{name}</Text>
              <Text size="sm" c="dimmed">
                {last_used_at === null
                  ? t('factors.passkey_since', { at: showTime(created_at) })
                  : t('factors.passkey_used', { at: showTime(last_used_at) })}
              </Text>
            </div>
            {confirmed && (
              <Confirm
                label={t('common.delete')}
                subject={name}
                text={t('factors.delete_text')}
                act={() => ask(api.DELETE('/iam/v1/me/passkeys/{id}', { params: { path: { id } } }))}
                refreshes={[ME]}
              />
            )}
          </Group>
        ))}
      </Stack>
    </Section>
  );
}
