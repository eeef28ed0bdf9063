/** Sent and received mail over the last hour, two days, or three months. The chart is loaded when it is needed. */
import { Loader, SegmentedControl, Table } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ProjectUsage, TRAFFIC_KINDS } from '../../api/resources.ts';
import { showNumber } from '../../i18n.ts';
import { Section } from '../../ui/page.tsx';

const WIDTHS = ['minutes', 'hours', 'days'] as const;
const TrafficChart = lazy(() => import('./traffic-chart.tsx'));

export function Traffic({ series }: Pick<ProjectUsage, 'series'>) {
  const { t } = useTranslation();
  const [width, setWidth] = useState<(typeof WIDTHS)[number]>('hours');
  const points = series[width];
  return (
    <Section
      title={t('traffic.title')}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t('traffic.width')}
          value={width}
          onChange={(next) => setWidth(WIDTHS.find((one) => one === next) ?? 'hours')}
          data={WIDTHS.map((value) => ({ value, label: t(`traffic.widths.${value}`) }))}
        />
      }
    >
      <Suspense fallback={<Loader size="sm" aria-label={t('common.loading')} role="status" />}>
        <TrafficChart points={points} width={width} />
      </Suspense>
      <Table.ScrollContainer minWidth={420} mt="sm">
        <Table withRowBorders={false}>
          <Table.Thead>
            <Table.Tr>
              {TRAFFIC_KINDS.map((kind) => (
                <Table.Th key={kind}>{t(`traffic.kinds.${kind}`)}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            <Table.Tr>
              {TRAFFIC_KINDS.map((kind) => (
                <Table.Td key={kind}>
                  {showNumber(points.reduce((sum, point) => sum + point[kind], 0))}
                </Table.Td>
              ))}
            </Table.Tr>
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Section>
  );
}
