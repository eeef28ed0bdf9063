/** The API clients of the project; for making one with the roles that it needs. */
import { Badge, Button, Group, MultiSelect, Stack, Table, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { ApiClient } from '../../api/resources.ts';
import { showTime } from '../../i18n.ts';
import { TextLink } from '../../ui/link.tsx';
import { ListView, Page, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useRoleNames } from '../../ui/roles.ts';
import { useSubmit } from '../../ui/use-submit.ts';

interface Values {
  readonly name: string;
  readonly roles: string[];
}
export function ClientsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const roles = useRoleNames();
  const list = useList(['api-clients'], (cursor, signal) =>
    ask(api.GET('/iam/v1/api_clients', { params: { query: { cursor } }, signal })),
  );
  const form = useForm<Values>({
    initialValues: { name: '', roles: [] },
    validate: {
      name: (name) => (name.trim() === '' ? t('form.required') : null),
      roles: (chosen) => (chosen.length === 0 ? t('form.required') : null),
    },
  });
  const { submit, pending, problem } = useSubmit<Values, ApiClient>({
    form,
    send: ({ name, roles: chosen }, headers) =>
      ask(api.POST('/iam/v1/api_clients', { body: { name: name.trim(), roles: chosen }, headers })),
    refreshes: [['api-clients']],
    done: ({ id }) => void navigate({ to: '/api-clients/$id', params: { id } }),
  });
  return (
    <Page title={t('clients.title')} intro={t('clients.intro')}>
      <Section title={t('clients.new')}>
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <Stack gap="sm">
            <ProblemAlert error={problem} />
            <TextInput label={t('clients.name')} {...form.getInputProps('name')} />
            <MultiSelect
              label={t('roles.title')}
              description={t('clients.roles_help')}
              data={roles}
              clearable
              clearButtonProps={{ 'aria-label': t('common.clear') }}
              {...form.getInputProps('roles')}
            />
            <Group>
              <Button type="submit" loading={pending}>
                {t('common.create')}
              </Button>
            </Group>
          </Stack>
        </form>
      </Section>
      <ListView list={list} empty={t('clients.empty')}>
        {(clients) => (
          <Table.ScrollContainer minWidth={340}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('clients.name')}</Table.Th>
                  <Table.Th>{t('roles.title')}</Table.Th>
                  <Table.Th>{t('common.created_at')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {clients.map((client) => (
                  <Table.Tr key={client.id}>
                    <Table.Td>
                      <TextLink to="/api-clients/$id" params={{ id: client.id }}>
                        {client.name}
                      </TextLink>
                    </Table.Td>
                    <Table.Td>
                      <Group gap={4}>
                        {client.roles.map((role) => (
                          <Badge key={role} variant="light">
                            {role}
                          </Badge>
                        ))}
                      </Group>
                    </Table.Td>
                    <Table.Td>{showTime(client.created_at)}</Table.Td>
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
