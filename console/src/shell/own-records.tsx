/**
 * Tells the operators of the instance which of the service's own records are wrong, or that its host name keeps them from
 * being checked. Otherwise shows nothing.
 */
import { Alert, List, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import { useResource } from '../api/queries.ts';
import { said, showTime } from '../i18n.ts';

const READ_EVERY_MS = 5 * 60_000;

export function OwnRecordsAlert() {
  const { t } = useTranslation();
  const { data } = useResource(
    ['instance-dns'],
    (signal) => ask(api.GET('/mta/v1/instance/dns', { signal })),
    { everyMs: READ_EVERY_MS },
  );
  if (data?.unchecked?.code === 'host_name_not_public')
    return (
      <Alert color="yellow" mb="md" title={t('own_records.unchecked')} data-testid="own-records">
        <Text size="sm" className="wrap">
          {said(data.unchecked)}
        </Text>
      </Alert>
    );
  const wrong = data?.records.filter(({ state }) => state === 'missing' || state === 'wrong') ?? [];
  if (data?.checked_at == null || wrong.length === 0) return null;
  return (
    <Alert color="yellow" mb="md" title={t('own_records.title')} data-testid="own-records">
      <List size="sm">
        {wrong.map((one) => (
          <List.Item key={`${one.check} ${one.name}`} className="wrap">
            {said(one)}
          </List.Item>
        ))}
      </List>
      <Text size="sm" mt={4}>
        {t('dns.checked_at', { at: showTime(data.checked_at) })}
      </Text>
    </Alert>
  );
}
