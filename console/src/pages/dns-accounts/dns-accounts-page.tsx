/** Accounts at DNS providers, with which a domain's records are set by themselves; credentials are never shown again. */
import {
  Alert,
  Button,
  Card,
  Group,
  List,
  PasswordInput,
  Select,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import {
  DNS_PROVIDERS,
  type DnsAccount,
  type DnsAccountTest,
  type DnsProvider,
} from '../../api/resources.ts';
import { said, showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { ListView, Page, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { SETTINGS, useDnsAccounts } from './accounts.ts';

const KEY = ['dns-accounts'];

export function DnsAccountsPage() {
  const { t } = useTranslation();
  const list = useDnsAccounts();
  return (
    <Page title={t('dns_accounts.title')} intro={t('dns_accounts.intro')}>
      <NewAccount />
      <ListView list={list} empty={t('dns_accounts.empty')}>
        {(accounts) => accounts.map((account) => <AccountCard key={account.id} account={account} />)}
      </ListView>
    </Page>
  );
}

function AccountCard({ account: { id, name, provider, created_at } }: { readonly account: DnsAccount }) {
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
              provider: t(`dns_accounts.providers.${provider}`),
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
  readonly provider: DnsProvider;
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
}
function NewAccount() {
  const { t } = useTranslation();
  const form = useForm<Values>({
    initialValues: { provider: 'gehirn', name: '', settings: {} },
    validate: { name: (name) => (name.trim() === '' ? t('form.required') : null) },
  });
  const { provider } = form.values;
  const { submit, pending, problem } = useSubmit<Values, DnsAccount>({
    form: {
      setFieldError: form.setFieldError,
      getValues: () => ({
        ...form.getValues(),
        ...Object.fromEntries(SETTINGS[provider].map(({ name }) => [`settings.${name}`, ''])),
      }),
    },
    send: ({ name, settings }, headers) => {
      const given = SETTINGS[provider].map((setting) => [setting.name, settings[setting.name]?.trim() ?? '']);
      return ask(
        api.POST('/mta/v1/dns_accounts', {
          body: {
            provider,
            name: name.trim(),
            settings: Object.fromEntries(given.filter(([, value]) => value !== '')),
          },
          headers,
        }),
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
            data={DNS_PROVIDERS.map((value) => ({ value, label: t(`dns_accounts.providers.${value}`) }))}
            allowDeselect={false}
            {...form.getInputProps('provider')}
          />
          <TextInput label={t('dns_accounts.name')} {...form.getInputProps('name')} />
          {SETTINGS[provider].map(({ name, secret, optional }) => {
            const Input = secret ? PasswordInput : TextInput;
            return (
              <Input
                key={`${provider} ${name}`}
                label={t(`dns_accounts.settings.${name}` as never)}
                description={optional ? t('dns_accounts.optional') : undefined}
                autoComplete="off"
                spellCheck={false}
                {...(secret
                  ? { visibilityToggleButtonProps: { 'aria-label': t('dns_accounts.show_secret') } }
                  : {})}
                value={form.values.settings[name] ?? ''}
                error={form.errors[`settings.${name}`]}
                onChange={(event) => form.setFieldValue(`settings.${name}`, event.currentTarget.value)}
              />
            );
          })}
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
