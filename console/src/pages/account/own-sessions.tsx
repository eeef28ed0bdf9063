/** Where the member is signed in, and ending one session or all the others. */
import { Badge, Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import { showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Section, Waiting } from '../../ui/page.tsx';

const KEY = ['own-sessions'];

export function OwnSessions() {
  const { t } = useTranslation();
  const query = useResource(KEY, (signal) => ask(api.GET('/iam/v1/me/sessions', { signal })));
  const sessions = query.data?.items ?? [];
  return (
    <Section
      title={t('sessions.title')}
      actions={
        sessions.length > 1 && (
          <Confirm
            label={t('sessions.end_others')}
            subject={t('sessions.title')}
            text={t('sessions.end_others_text')}
            act={() => ask(api.DELETE('/iam/v1/me/sessions'))}
            refreshes={[KEY]}
          />
        )
      }
    >
      <Stack gap="sm">
        <Waiting query={query} />
        {sessions.map(({ id, address, agent, current, last_used_at }) => (
          <Group key={id} justify="space-between" align="flex-start">
            <div className="page-heading">
              <Group gap="xs">
                <Text size="sm">{address}</Text>
                {current && <Badge variant="light">{t('sessions.current')}</Badge>}
              </Group>
              <Text size="xs" c="dimmed" className="wrap">
                {agent}
              </Text>
              <Text size="xs" c="dimmed">
                {t('sessions.used', { at: showTime(last_used_at) })}
              </Text>
            </div>
            {!current && (
              <Confirm
                label={t('sessions.end')}
                subject={address}
                text={t('sessions.end_text')}
                act={() => ask(api.DELETE('/iam/v1/me/sessions/{id}', { params: { path: { id } } }))}
                refreshes={[KEY]}
              />
            )}
          </Group>
        ))}
      </Stack>
    </Section>
  );
}
