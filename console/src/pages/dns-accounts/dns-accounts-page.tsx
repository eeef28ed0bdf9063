/** Accounts at DNS providers. With one, the service sets a domain's records itself. Credentials are never shown again. */
import { Alert, Button, Card, Group, List, Select, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { DnsAccount, DnsAccountTest, Kind } from '../../api/resources.ts';
import { said, showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { filledIn, KindFields, type KindValues, kindLabel } from '../../ui/kinds.tsx';
import { ListView, Page, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { useDnsAccounts, useDnsProviders } from './accounts.ts';

const KEY = ['dns-accounts'];

export function DnsAccountsPage() {
  const { t } = useTranslation();
  const list = useDnsAccounts();
  const { items: providers } = useDnsProviders();
  return (
    <Page title={t('dns_accounts.title')} intro={t('dns_accounts.intro')}>
      {providers.length > 0 && <NewAccount providers={providers} />}
      <ListView list={list} empty={t('dns_accounts.empty')}>
        {(accounts) =>
          accounts.map((account) => <AccountCard key={account.id} account={account} providers={providers} />)
        }
      </ListView>
    </Page>
  );
}

function AccountCard({
  account: { id, name, provider, created_at },
  providers,
}: {
  readonly account: DnsAccount;
  readonly providers: readonly Kind[];
}) {
  const { t } = useTranslation();
  const test = useSubmit<object, DnsAccountTest>({
    send: () => ask(api.POST('/mta/v1/dns_accounts/{id}/test', { params: { path: { id } } })),
  });
  return (
    <Card withBorder>
      <Group justify="space-between" align="flex-start">
        <div className="page-heading">
          <Text fw={600} className="wrap">
            {name}
          </Text>
          <Text size="sm" c="dimmed">
            {t('dns_accounts.about', {
              provider: kindLabel(providers, provider),
              at: showTime(created_at),
            })}
          </Text>
        </div>
        <Group gap="xs">
          <Button
            size="compact-sm"
            variant="default"
            loading={test.pending}
            aria-label={t('common.action_on', { label: t('dns_accounts.test'), subject: name })}
            onClick={() => test.submit({})}
          >
            {t('dns_accounts.test')}
          </Button>
          <Confirm
            label={t('common.delete')}
            subject={name}
            text={t('dns_accounts.delete_text')}
            act={() => ask(api.DELETE('/mta/v1/dns_accounts/{id}', { params: { path: { id } } }))}
            refreshes={[KEY]}
          />
        </Group>
      </Group>
      <ProblemAlert error={test.problem} />
      {test.result !== undefined && <TestResult result={test.result} />}
    </Card>
  );
}

function TestResult({ result: { ok, error, domains } }: { readonly result: DnsAccountTest }) {
  const { t } = useTranslation();
  return (
    <Alert
      mt="sm"
      role="status"
      color={ok ? 'green' : 'red'}
      title={ok ? t('dns_accounts.works') : t('dns_accounts.fails')}
    >
      {said(error) !== '' && <Text size="sm">{said(error)}</Text>}
      <List size="sm">
        {domains.map(({ name, zone }) => (
          <List.Item key={name}>
            {zone === null ? t('dns_accounts.no_zone', { name }) : t('dns_accounts.in_zone', { name, zone })}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}

interface Values {
  readonly provider: string;
  readonly name: string;
  readonly settings: KindValues;
}
function NewAccount({ providers }: { readonly providers: readonly Kind[] }) {
  const { t } = useTranslation();
  const form = useForm<Values>({
    initialValues: { provider: providers[0]?.name ?? '', name: '', settings: {} },
    validate: { name: (name) => (name.trim() === '' ? t('form.required') : null) },
  });
  const kind = providers.find(({ name }) => name === form.values.provider);
  const { submit, pending, problem } = useSubmit<Values, DnsAccount>({
    form: {
      setFieldError: form.setFieldError,
      getValues: () => ({
        ...form.getValues(),
        ...Object.fromEntries((kind?.settings ?? []).map(({ name }) => [`settings.${name}`, ''])),
      }),
    },
    send: ({ provider, name, settings }, headers) => {
      const given = kind === undefined ? {} : (filledIn(kind, settings) as Record<string, string>);
      return ask(
        api.POST('/mta/v1/dns_accounts', { body: { provider, name: name.trim(), settings: given }, headers }),
      );
    },
    refreshes: [KEY],
    done: () => form.reset(),
  });
  return (
    <Section title={t('dns_accounts.new')} intro={t('dns_accounts.new_intro')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate autoComplete="off">
        <Stack gap="sm">
          <ProblemAlert error={problem} />
          <Select
            label={t('dns_accounts.provider')}
            data={providers.map(({ name }) => ({ value: name, label: kindLabel(providers, name) }))}
            allowDeselect={false}
            {...form.getInputProps('provider')}
            onChange={(provider) => form.setValues({ provider: provider ?? '', settings: {} })}
          />
          <TextInput label={t('dns_accounts.name')} {...form.getInputProps('name')} />
          {kind !== undefined && (
            <KindFields
              kind={kind}
              values={form.values.settings}
              errors={Object.fromEntries(
                kind.settings.map(({ name }) => [name, form.errors[`settings.${name}`]]),
              )}
              onChange={(name, value) => form.setFieldValue(`settings.${name}`, value)}
            />
          )}
          <Group>
            <Button type="submit" loading={pending}>
              {t('common.add')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
