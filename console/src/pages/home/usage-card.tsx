/** One rolling window: its usage and its limit, and when there is room again. */
import { Card, Group, Progress, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { UsageWindow } from '../../api/resources.ts';
import { showNumber, showTime } from '../../i18n.ts';

/** From this share on, the limit is near. The service publishes its alert at the same share. */
const NEAR = 0.8;

export function UsageCard({ title, usage }: { readonly title: string; readonly usage: UsageWindow }) {
  const { t } = useTranslation();
  const { used, limit, room_at: roomAt } = usage;
  const share = limit === 0 ? 0 : used / limit;
  const color = share >= 1 ? 'red' : share >= NEAR ? 'yellow' : 'teal';
  return (
    <Card withBorder>
      <Text size="sm" c="dimmed">
        {title}
      </Text>
      <Group gap={6} align="baseline">
        <Text fz={28} fw={600} data-testid="used">
          {showNumber(used)}
        </Text>
        <Text c="dimmed">
          {limit === 0 ? t('usage.no_limit') : t('usage.of', { limit: showNumber(limit) })}
        </Text>
      </Group>
      {limit > 0 && (
        <Progress
          value={Math.min(100, share * 100)}
          color={color}
          mt="xs"
          aria-label={t('usage.share', { title, percent: Math.round(share * 100) })}
        />
      )}
      <Text size="sm" mt="xs">
        {limit > 0 && share >= 1 && roomAt !== null
          ? t('usage.room_at', { at: showTime(roomAt) })
          : limit > 0
            ? t('usage.remaining', { left: showNumber(Math.max(0, limit - used)) })
            : t('usage.unlimited')}
      </Text>
    </Card>
  );
}
