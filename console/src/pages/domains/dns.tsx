/** The records that the domain needs, the state of each in words, and "check now". */
import { Alert, Badge, Button, Card, Group, Stack, Text } from '@mantine/core';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import type { DnsRecord, DnsState } from '../../api/resources.ts';
import { named, said, showTime } from '../../i18n.ts';
import { Copy } from '../../ui/copy.tsx';
import { Section, Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { AutomaticDns } from './automatic-dns.tsx';

const PURPOSES = ['mx', 'spf', 'dkim', 'dmarc', 'client'] as const;
const COLORS: Readonly<Record<string, string>> = { ok: 'green', missing: 'yellow', wrong: 'red' };

export function Dns({ domainId }: { readonly domainId: string }) {
  const { t } = useTranslation();
  const query = useResource(['domains', 'dns', domainId], (signal) =>
    ask(api.GET('/mta/v1/domains/{id}/dns', { params: { path: { id: domainId } }, signal })),
  );
  const { submit, pending, problem } = useSubmit<object, DnsState>({
    send: (_values, headers) =>
      ask(api.POST('/mta/v1/domains/{id}/dns/check', { params: { path: { id: domainId } }, headers })),
    refreshes: [['domains']],
  });
  if (query.data === undefined) return <Waiting query={query} />;
  const { records, last_check: check, obsolete_records: obsolete } = query.data;
  const delegated = records.some(({ purpose, type }) => purpose === 'dkim' && type === 'CNAME');
  return (
    <Stack>
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          {lastCheck(t, check)}
        </Text>
        <Button loading={pending} onClick={() => submit({})}>
          {t('dns.check')}
        </Button>
      </Group>
      <ProblemAlert error={problem} />
      <AutomaticDns domainId={domainId} />
      {PURPOSES.map((purpose) => {
        const own = records.filter((record) => record.purpose === purpose);
        return own.length === 0 ? null : (
          <Section
            key={purpose}
            title={t(`dns.purpose.${purpose}.title`)}
            intro={purpose === 'dkim' && delegated ? t('dns.delegated') : t(`dns.purpose.${purpose}.intro`)}
          >
            <Stack gap="sm">
              {own.map((record) => (
                <RecordCard key={`${record.type} ${record.name} ${record.value}`} record={record} />
              ))}
            </Stack>
          </Section>
        );
      })}
      {obsolete.length > 0 && (
        <Section title={t('dns.obsolete')}>
          {obsolete.map((record) => (
            <Text key={`${record.type} ${record.name}`} size="sm" className="wrap">
              {said(record)}
            </Text>
          ))}
        </Section>
      )}
    </Stack>
  );
}

/** When DNS was asked, and how old its answers may be. */
function lastCheck(t: TFunction, check: DnsState['last_check']): string {
  if (check === null) return t('dns.never');
  const { checked_at, observed_at, authoritative } = check;
  if (authoritative) return t('dns.checked_at', { at: showTime(checked_at) });
  return t('dns.kept', { at: showTime(checked_at), observed: showTime(observed_at) });
}

function RecordCard({ record }: { readonly record: DnsRecord }) {
  const { t } = useTranslation();
  const { state, found } = record;
  const words = said(record);
  return (
    <Card withBorder padding="sm" data-testid={`record-${record.purpose}`}>
      <Stack gap="xs">
        <Group justify="flex-end">
          <Badge color={COLORS[state] ?? 'gray'}>{named(t, 'dns.status', state)}</Badge>
        </Group>
        <Copy label={t('dns.name_of', { type: record.type })} value={record.name} />
        <Copy label={t('dns.record_value')} value={record.value} />
        {state !== 'ok' && state !== 'unknown' && (
          <Alert color={state === 'wrong' ? 'red' : record.required ? 'yellow' : 'gray'} p="xs">
            <Text size="sm" className="wrap">
              {words}
            </Text>
            {found.length > 0 && (
              <Text size="sm" className="wrap" mt={4}>
                {t('dns.found', { found: found.join(' / ') })}
              </Text>
            )}
          </Alert>
        )}
      </Stack>
    </Card>
  );
}
