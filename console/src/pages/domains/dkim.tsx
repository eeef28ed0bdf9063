/** The signing switch, the interval of key rotation, and the keys, each with its next step. */
import { Badge, Group, Select, Stack, Switch, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import type { DkimKey, MtaDomain } from '../../api/resources.ts';
import { said, showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Copy } from '../../ui/copy.tsx';
import { Section, Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { NewKey } from './new-key.tsx';

const COLORS: Readonly<Record<DkimKey['state'], string>> = {
  pending: 'yellow',
  active: 'green',
  retiring: 'blue',
  retired: 'gray',
};
const ROTATIONS = ['90', '180', '365', 'off'] as const;

export function Dkim({ domain }: { readonly domain: MtaDomain }) {
  const { t } = useTranslation();
  const { id } = domain;
  const key = ['domains', 'dkim', id];
  const query = useResource(key, (signal) =>
    ask(api.GET('/mta/v1/domains/{id}/dkim_keys', { params: { path: { id } }, signal })),
  );
  return (
    <Stack>
      <Signing domain={domain} />
      <NewKey domainId={id} />
      <Waiting query={query} />
      {query.data?.items.map((one) => (
        <Section
          key={one.id}
          title={one.selector}
          intro={t('dkim.key_intro', {
            algorithm: one.bits === null ? one.algorithm : `${one.algorithm} ${one.bits}`,
            at: showTime(one.created_at),
          })}
          actions={
            <Group gap="xs">
              <Badge color={COLORS[one.state]}>{t(`dkim.states.${one.state}`)}</Badge>
              {one.state !== 'retired' && (
                <Confirm
                  label={t('dkim.replace')}
                  subject={one.selector}
                  text={t(one.record.type === 'CNAME' ? 'dkim.replace_text' : 'dkim.replace_text_txt')}
                  act={() =>
                    ask(
                      api.POST('/mta/v1/domains/{id}/dkim_keys/{key}/replace', {
                        params: { path: { id, key: one.id } },
                      }),
                    )
                  }
                  refreshes={[['domains']]}
                />
              )}
              <Confirm
                label={t('common.delete')}
                subject={one.selector}
                text={t('dkim.delete_text')}
                act={() =>
                  ask(
                    api.DELETE('/mta/v1/domains/{id}/dkim_keys/{key}', {
                      params: { path: { id, key: one.id } },
                    }),
                  )
                }
                refreshes={[['domains']]}
              />
            </Group>
          }
        >
          <Stack gap="xs">
            <Text size="sm" className="wrap">
              {said(one)}
            </Text>
            <Copy label={t('dns.name_of', { type: one.record.type })} value={one.record.name} />
            <Copy label={t('dns.record_value')} value={one.record.value} />
            {one.record.type === 'CNAME' && one.state !== 'retired' && (
              <Copy label={t('dkim.or_txt')} value={one.public_key} />
            )}
          </Stack>
        </Section>
      ))}
      {query.data?.items.length === 0 && <Text c="dimmed">{t('dkim.empty')}</Text>}
    </Stack>
  );
}

function Signing({ domain: { id, dkim } }: { readonly domain: MtaDomain }) {
  const { t } = useTranslation();
  const { submit, pending, problem } = useSubmit<
    { enabled?: boolean; rotation_days?: number | null },
    MtaDomain
  >({
    send: (change) =>
      ask(api.PATCH('/mta/v1/domains/{id}', { params: { path: { id } }, body: { dkim: change } })),
    refreshes: [['domains']],
  });
  const days = dkim.rotation_days === null ? 'off' : String(dkim.rotation_days);
  // Somebody may have set another number of days through the API. It is shown as it is.
  const choices = ROTATIONS.some((choice) => choice === days) ? ROTATIONS : [...ROTATIONS, days];
  return (
    <Section title={t('dkim.switch')} intro={t('dkim.intro')}>
      <Stack gap="sm">
        <ProblemAlert error={problem} />
        <Switch
          label={dkim.enabled ? t('dkim.on') : t('dkim.off')}
          checked={dkim.enabled}
          disabled={pending}
          onChange={(event) => submit({ enabled: event.currentTarget.checked })}
        />
        <Select
          label={t('dkim.rotation')}
          description={t('dkim.rotation_help')}
          data={choices.map((value) => ({
            value,
            label: value === 'off' ? t('dkim.rotation_off') : t('dkim.rotation_days', { days: value }),
          }))}
          value={days}
          allowDeselect={false}
          disabled={pending}
          onChange={(value) => submit({ rotation_days: value === 'off' ? null : Number(value) })}
        />
      </Stack>
    </Section>
  );
}
