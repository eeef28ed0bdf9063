/** Says that the service cannot be reached, asks every few seconds whether it is back, and then reads the page anew. */
import { Alert } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { connection, useConnection } from '../session/connection.ts';

const ASK_EVERY_MS = 3_000;

export function Away() {
  const { t } = useTranslation();
  const { reachable } = useConnection();
  const queries = useQueryClient();
  useEffect(() => {
    if (reachable) return;
    const timer = setInterval(() => {
      fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(ASK_EVERY_MS) })
        .then(async (response) => {
          if (!response.ok) return;
          connection.set({ reachable: true });
          await queries.invalidateQueries();
        })
        .catch(() => {});
    }, ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [reachable, queries]);
  return (
    <div aria-live="polite">
      {!reachable && (
        <Alert color="orange" title={t('away.title')} className="away">
          {t('away.text')}
        </Alert>
      )}
    </div>
  );
}
