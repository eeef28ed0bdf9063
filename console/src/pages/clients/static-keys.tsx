/** The static keys of an API client; for making one with an expiry (its secret is shown once) and for removing one. */
import { Button, Group, Select, Stack, Table, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { NewStaticKey } from '../../api/resources.ts';
import { showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { SecretOnce } from '../../ui/copy.tsx';
import { ListView, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { WhereToConnect } from './where-to-connect.tsx';

const DAY_MS = 24 * 3_600_000;
const LIVES = ['30', '90', '365', 'never'] as const;

interface Values {
  readonly expires_at: (typeof LIVES)[number];
}
export function StaticKeys({ clientId }: { readonly clientId: string }) {
  const { t } = useTranslation();
  const [made, setMade] = useState<NewStaticKey | null>(null);
  const path = { id: clientId };
  const key = ['api-clients', clientId, 'keys'];
  const list = useList(key, (cursor, signal) =>
    ask(api.GET('/iam/v1/api_clients/{id}/static_keys', { params: { path, query: { cursor } }, signal })),
  );
  const form = useForm<Values>({ initialValues: { expires_at: '365' } });
  const { submit, pending, problem } = useSubmit<Values, NewStaticKey>({
    form,
    send: ({ expires_at: life }, headers) =>
      ask(
        api.POST('/iam/v1/api_clients/{id}/static_keys', {
          params: { path },
          body:
            life === 'never'
              ? {}
              : { expires_at: new Date(Date.now() + Number(life) * DAY_MS).toISOString() },
          headers,
        }),
      ),
    refreshes: [key],
    done: setMade,
  });
  return (
    <Stack>
      <Section title={t('keys.new')} intro={t('keys.intro')}>
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <ProblemAlert error={problem} />
          <Group align="flex-start" gap="sm">
            <Select
              label={t('keys.life')}
              data={LIVES.map((life) => ({ value: life, label: t(`keys.lives.${life}`) }))}
              allowDeselect={false}
              className="grow"
              {...form.getInputProps('expires_at')}
            />
            <Button type="submit" loading={pending} className="beside-field">
              {t('keys.make')}
            </Button>
          </Group>
        </form>
      </Section>
      {made !== null && (
        <>
          <MadeKey made={made} onClose={() => setMade(null)} />
          <WhereToConnect />
        </>
      )}
      <Section title={t('keys.title')}>
        <ListView list={list} empty={t('keys.empty')}>
          {(keys) => (
            <Table.ScrollContainer minWidth={520}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t('keys.id')}</Table.Th>
                    <Table.Th>{t('common.created_at')}</Table.Th>
                    <Table.Th>{t('keys.expires_at')}</Table.Th>
                    <Table.Th>{t('common.actions')}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {keys.map((one) => (
                    <Table.Tr key={one.id}>
                      <Table.Td className="wrap">
                        <Text size="sm" ff="monospace">
                          {one.id}
                        </Text>
                      </Table.Td>
                      <Table.Td>{showTime(one.created_at)}</Table.Td>
                      <Table.Td>
                        {one.expires_at === null ? t('keys.lives.never') : showTime(one.expires_at)}
                      </Table.Td>
                      <Table.Td>
                        <Confirm
                          label={t('common.delete')}
                          subject={one.id}
                          text={t('keys.delete_text')}
                          act={() =>
                            ask(
                              api.DELETE('/iam/v1/api_clients/{id}/static_keys/{key}', {
                                params: { path: { id: clientId, key: one.id } },
                              }),
                            )
                          }
                          refreshes={[key]}
                        />
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </ListView>
      </Section>
    </Stack>
  );
}

/** A repeated answer has no secret: the key exists, but nobody can ever use it. */
function MadeKey({ made, onClose }: { readonly made: NewStaticKey; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const id = { label: t('keys.id_user'), value: made.id };
  return made.secret ? (
    <SecretOnce
      title={t('keys.made')}
      values={[id, { label: t('keys.secret_password'), value: made.secret }]}
      onClose={onClose}
    />
  ) : (
    <SecretOnce title={t('keys.lost')} values={[id]} onClose={onClose} />
  );
}
