/** The overview of the project: 使用状況 against both limits, traffic over time, and 緩和申請. */
import { SimpleGrid } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import { Page, Waiting } from '../../ui/page.tsx';
import { FirstSteps } from './first-steps.tsx';
import { LimitRequests } from './limit-requests.tsx';
import { Traffic } from './traffic.tsx';
import { UsageCard } from './usage-card.tsx';

const READ_EVERY_MS = 15_000;

export function HomePage() {
  const { t } = useTranslation();
  const query = useResource(['usage'], (signal) => ask(api.GET('/mta/v1/usage', { signal })), {
    everyMs: READ_EVERY_MS,
  });
  return (
    <Page title={t('home.title')} intro={t('home.intro')}>
      <FirstSteps />
      <Waiting query={query} />
      {query.data !== undefined && (
        <>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <UsageCard title={t('limits.per_minute')} usage={query.data.project.per_minute} />
            <UsageCard title={t('limits.per_day')} usage={query.data.project.per_day} />
          </SimpleGrid>
          <Traffic series={query.data.series} />
          <LimitRequests usage={query.data.project} />
        </>
      )}
    </Page>
  );
}
