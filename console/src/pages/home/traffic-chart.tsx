/** The chart of the traffic. It is in a file of its own, so its libraries are loaded only when the chart is shown. */
import '@mantine/charts/styles.css';
import { BarChart } from '@mantine/charts';
import { useTranslation } from 'react-i18next';
import type { ProjectUsage, TrafficPoint } from '../../api/resources.ts';
import { language, showNumber } from '../../i18n.ts';

interface TrafficChartProps {
  readonly points: readonly TrafficPoint[];
  readonly width: keyof ProjectUsage['series'];
}
const SHOWN = [
  ['delivered', 'teal.7'],
  ['received', 'blue.6'],
  ['deferred', 'yellow.6'],
  ['bounced', 'red.7'],
] as const;

export default function TrafficChart({ points, width }: TrafficChartProps) {
  const { t } = useTranslation();
  const format = new Intl.DateTimeFormat(
    language(),
    width === 'days'
      ? { month: 'numeric', day: 'numeric', timeZone: 'UTC' }
      : { hour: 'numeric', minute: '2-digit' },
  );
  return (
    <BarChart
      h={220}
      data={points.map((point) => ({ ...point, at: format.format(new Date(point.start)) }))}
      dataKey="at"
      type="stacked"
      withLegend
      legendProps={{ verticalAlign: 'bottom' }}
      series={SHOWN.map(([name, color]) => ({ name, color, label: t(`traffic.kinds.${name}`) }))}
      valueFormatter={showNumber}
      yAxisProps={{ allowDecimals: false, width: 40 }}
      barChartProps={{ accessibilityLayer: false }}
      role="img"
      aria-label={t('traffic.chart')}
    />
  );
}
