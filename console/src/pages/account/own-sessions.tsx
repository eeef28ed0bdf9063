/** The member's sessions; for ending one session or all others. */
import { Badge, Group, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import { showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { ListView, Section } from '../../ui/page.tsx';

const KEY = ['own-sessions'];

export function OwnSessions() {
  const { t } = useTranslation();
  const list = useList(KEY, (cursor, signal) =>
    ask(api.GET('/iam/v1/me/sessions', { params: { query: { cursor, limit: 20 } }, signal })),
  );
  return (
    <Section
      title={t('sessions.title')}
      actions={
        list.items.length > 1 && (
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
      <ListView list={list} empty={t('sessions.title')}>
        {(sessions) =>
          sessions.map(({ id, address, agent, current, last_used_at }) => (
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
          ))
        }
      </ListView>
    </Section>
  );
}
