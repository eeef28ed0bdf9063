/** Warns the operators of the instance if retention does not remove expired data in time. Otherwise shows nothing. */
import { Alert } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import { useResource } from '../api/queries.ts';
import { showNumber, showTime } from '../i18n.ts';

const READ_EVERY_MS = 5 * 60_000;

export function RetentionAlert() {
  const { t } = useTranslation();
  const { data } = useResource(['retention'], (signal) => ask(api.GET('/mta/v1/retention', { signal })), {
    everyMs: READ_EVERY_MS,
  });
  if (data === undefined || !data.late || data.behind_since === null) return null;
  return (
    <Alert color="yellow" mb="md" title={t('retention.title')}>
      {t('retention.facts', { due: showNumber(data.due_messages), since: showTime(data.behind_since) })}{' '}
      {data.round?.failed === true ? t('retention.failed') : t('retention.slow')}
    </Alert>
  );
}
