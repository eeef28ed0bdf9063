/** All domains of the project, each with its state; for adding a domain. */
import { Badge, Button, Group, Table, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { MtaDomain, OwnedDomain } from '../../api/resources.ts';
import { showTime } from '../../i18n.ts';
import { TextLink } from '../../ui/link.tsx';
import { ListView, Page, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { useMtaDomains, useOwnedDomains } from './domains.ts';

export function DomainsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const list = useOwnedDomains();
  const mta = useMtaDomains();
  const form = useForm({
    initialValues: { name: '' },
    validate: { name: (name) => (name.trim().includes('.') ? null : t('domains.name_wrong')) },
  });
  const { submit, pending, problem } = useSubmit<{ name: string }, OwnedDomain>({
    form,
    send: ({ name }, headers) => ask(api.POST('/iam/v1/domains', { body: { name: name.trim() }, headers })),
    refreshes: [['domains']],
    done: ({ id }) => void navigate({ to: '/domains/$id', params: { id } }),
  });
  return (
    <Page title={t('domains.title')} intro={t('domains.intro')}>
      <Section title={t('domains.new')}>
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <ProblemAlert error={problem} />
          <Group align="flex-start" gap="sm">
            <TextInput
              label={t('domains.name')}
              placeholder="example.jp"
              autoCapitalize="none"
              spellCheck={false}
              className="grow"
              {...form.getInputProps('name')}
            />
            <Button type="submit" loading={pending} className="beside-field">
              {t('common.add')}
            </Button>
          </Group>
        </form>
      </Section>
      <ListView list={list} empty={t('domains.empty')}>
        {(domains) => (
          <Table.ScrollContainer minWidth={360}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('domains.name')}</Table.Th>
                  <Table.Th>{t('domains.state')}</Table.Th>
                  <Table.Th>{t('common.created_at')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {domains.map((domain) => (
                  <Table.Tr key={domain.id}>
                    <Table.Td>
                      <TextLink to="/domains/$id" params={{ id: domain.id }} className="wrap">
                        {domain.unicode_name}
                      </TextLink>
                    </Table.Td>
                    <Table.Td>
                      <Standing domain={domain} mta={mta.data?.get(domain.id)} />
                    </Table.Td>
                    <Table.Td>{showTime(domain.created_at)}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </ListView>
    </Page>
  );
}

function Standing({ domain, mta }: { readonly domain: OwnedDomain; readonly mta: MtaDomain | undefined }) {
  const { t } = useTranslation();
  if (!domain.verified) return <Badge color="yellow">{t('domains.standing.unproved')}</Badge>;
  if (mta === undefined)
    return (
      <Badge color="blue" variant="light">
        {t('domains.standing.proved')}
      </Badge>
    );
  return (
    <Badge color={mta.mx_seen ? 'green' : 'yellow'}>
      {mta.mx_seen ? t('domains.standing.ready') : t('domains.standing.dns')}
    </Badge>
  );
}
