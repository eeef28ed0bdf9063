/** The signing switch and the keys that sign, with the records that show their public halves. */
import { Badge, Group, Stack, Switch, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { type Page, useResource } from '../../api/queries.ts';
import type { DkimKey, MtaDomain } from '../../api/resources.ts';
import { named, showTime } from '../../i18n.ts';
import { Copy } from '../../ui/copy.tsx';
import { Section, Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

export function Dkim({ domain: { id, dkim_enabled: enabled } }: { readonly domain: MtaDomain }) {
  const { t } = useTranslation();
  const query = useResource(['domains', 'dkim', id], (signal) =>
    ask<Page<DkimKey>>(api.GET('/mta/v1/domains/{id}/dkim_keys', { params: { path: { id } }, signal })),
  );
  const { submit, pending, problem } = useSubmit<{ on: boolean }, MtaDomain>({
    send: ({ on }) =>
      ask(api.PATCH('/mta/v1/domains/{id}', { params: { path: { id } }, body: { dkim_enabled: on } })),
    refreshes: [['domains']],
  });
  return (
    <Stack>
      <Section title={t('dkim.switch')} intro={t('dkim.intro')}>
        <ProblemAlert error={problem} />
        <Switch
          label={enabled ? t('dkim.on') : t('dkim.off')}
          checked={enabled}
          disabled={pending}
          onChange={(event) => submit({ on: event.currentTarget.checked })}
        />
      </Section>
      <Waiting query={query} />
      {query.data?.items.map((key) => (
        <Section
          key={key.id}
          title={key.selector}
          intro={t('dkim.key_intro', { algorithm: key.algorithm, at: showTime(key.created_at) })}
          actions={
            <Badge autoContrast color={key.active ? 'green' : 'gray'}>
              {named(t, 'dkim.states', key.active ? 'active' : 'inactive')}
            </Badge>
          }
        >
          <Stack gap="xs">
            <Copy label={t('dns.name_of', { type: key.record.type })} value={key.record.name} />
            <Copy label={t('dns.record_value')} value={key.record.value} />
          </Stack>
        </Section>
      ))}
      {query.data?.items.length === 0 && (
        <Group>
          <Text c="dimmed">{t('dkim.empty')}</Text>
        </Group>
      )}
    </Stack>
  );
}
