/** The records the domain needs, what the last check found of each kind, and checking now. */
import { Alert, Badge, Button, Card, Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import type { DnsCheckItem, DnsRecord, DnsState } from '../../api/resources.ts';
import { named, showTime } from '../../i18n.ts';
import { Copy } from '../../ui/copy.tsx';
import { Section, Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

const PURPOSES = ['mx', 'spf', 'dkim', 'dmarc', 'client'] as const;
const COLORS: Readonly<Record<string, string>> = {
  ok: 'green',
  missing: 'yellow',
  wrong: 'red',
  error: 'red',
};

export function Dns({ domainId }: { readonly domainId: string }) {
  const { t } = useTranslation();
  const query = useResource(['domains', 'dns', domainId], (signal) =>
    ask<DnsState>(api.GET('/mta/v1/domains/{id}/dns', { params: { path: { id: domainId } }, signal })),
  );
  const { submit, pending, problem } = useSubmit<object, DnsState>({
    send: (_values, headers) =>
      ask(api.POST('/mta/v1/domains/{id}/dns/check', { params: { path: { id: domainId } }, headers })),
    refreshes: [['domains']],
  });
  if (query.data === undefined) return <Waiting query={query} />;
  const { records, last_check: check } = query.data;
  return (
    <Stack>
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          {check === null ? t('dns.never') : t('dns.checked_at', { at: showTime(check.checked_at) })}
        </Text>
        <Button loading={pending} onClick={() => submit({})}>
          {t('dns.check')}
        </Button>
      </Group>
      <ProblemAlert error={problem} />
      {PURPOSES.map((purpose) => {
        const own = records.filter((record) => record.purpose === purpose);
        const item = purpose === 'client' ? undefined : check?.[purpose];
        return own.length === 0 ? null : (
          <Purpose key={purpose} purpose={purpose} records={own} item={item} />
        );
      })}
    </Stack>
  );
}

interface PurposeProps {
  readonly purpose: (typeof PURPOSES)[number];
  readonly records: readonly DnsRecord[];
  readonly item: DnsCheckItem | undefined;
}
function Purpose({ purpose, records, item }: PurposeProps) {
  const { t } = useTranslation();
  return (
    <Section
      title={t(`dns.purpose.${purpose}.title`)}
      intro={t(`dns.purpose.${purpose}.intro`)}
      actions={
        item !== undefined && (
          <Badge autoContrast color={COLORS[item.status] ?? 'gray'} data-testid={`dns-${purpose}`}>
            {named(t, 'dns.status', item.status)}
          </Badge>
        )
      }
    >
      <Stack gap="sm">
        {item !== undefined && item.status !== 'ok' && item.status !== 'missing' && (
          <Alert color={COLORS[item.status] ?? 'gray'} title={named(t, 'dns.status_help', item.status)}>
            {item.found.length > 0 && (
              <Text size="sm" className="wrap">
                {t('dns.found', { found: item.found.join(' / ') })}
              </Text>
            )}
          </Alert>
        )}
        {records.map((record) => (
          <Card key={`${record.type} ${record.name} ${record.value}`} withBorder padding="sm">
            <Stack gap="xs">
              <Copy label={t('dns.name_of', { type: record.type })} value={record.name} />
              <Copy label={t('dns.record_value')} value={record.value} />
            </Stack>
          </Card>
        ))}
      </Stack>
    </Section>
  );
}
