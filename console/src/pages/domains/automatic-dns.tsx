/** 自動設定: shows in words what would change at the DNS provider, applies it, and undoes it. */
import { Alert, Badge, Button, Card, Checkbox, Code, Group, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { DnsPlan, DnsSetChange, Words } from '../../api/resources.ts';
import { named, said, showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { TextLink } from '../../ui/link.tsx';
import { ListView, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';
import { useDnsAccounts } from '../dns-accounts/accounts.ts';

export function AutomaticDns({ domainId }: { readonly domainId: string }) {
  const { t } = useTranslation();
  const accounts = useDnsAccounts();
  const [account, setAccount] = useState<string | null>(null);
  const [made, setMade] = useState<DnsPlan | null>(null);
  const path = { id: domainId };
  const plan = useSubmit<{ self: string }, DnsPlan>({
    send: ({ self }, headers) =>
      ask(
        api.POST('/mta/v1/domains/{id}/dns/plan', { params: { path }, body: { account: { self } }, headers }),
      ),
    done: setMade,
  });
  return (
    <Section title={t('automatic.title')} intro={t('automatic.intro')}>
      <Stack gap="sm">
        <ProblemAlert error={plan.problem} />
        {accounts.data !== undefined && accounts.items.length === 0 && (
          <Text size="sm">
            {t('automatic.no_account')} <TextLink to="/dns-accounts">{t('dns_accounts.title')}</TextLink>
          </Text>
        )}
        {accounts.items.length > 0 && (
          <Group align="flex-start" gap="sm">
            <Select
              label={t('automatic.account')}
              className="grow"
              data={accounts.items.map(({ self, name }) => ({ value: self, label: name }))}
              value={account}
              onChange={(self) => {
                setAccount(self);
                setMade(null);
              }}
              allowDeselect={false}
            />
            <Button
              className="beside-field"
              variant="default"
              disabled={account === null}
              loading={plan.pending}
              onClick={() => account !== null && plan.submit({ self: account })}
            >
              {t('automatic.plan')}
            </Button>
          </Group>
        )}
        {made !== null && account !== null && (
          <Plan
            key={made.id}
            plan={made}
            account={account}
            domainId={domainId}
            onDone={() => setMade(null)}
          />
        )}
        <Changes domainId={domainId} />
      </Stack>
    </Section>
  );
}

function Remarks({ title, words, color }: { title: string; words: readonly Words[]; color: string }) {
  return words.length === 0 ? null : (
    <Alert color={color} title={title}>
      {words.map((one) => (
        <Text key={one.message} size="sm" className="wrap">
          {said(one)}
        </Text>
      ))}
    </Alert>
  );
}
function SetChange({ change, words }: { readonly change: DnsSetChange; readonly words: string }) {
  const lines = [
    ...change.before.filter((one) => !change.after.includes(one)).map((one) => `- ${one}`),
    ...change.after.filter((one) => !change.before.includes(one)).map((one) => `+ ${one}`),
  ];
  return (
    <Card withBorder padding="sm">
      <Text size="sm" fw={600} className="wrap">
        {change.type} {change.name}
      </Text>
      {words !== '' && <Text size="sm">{words}</Text>}
      <Code block mt={4} className="wrap">
        {lines.join('\n')}
      </Code>
    </Card>
  );
}

interface PlanProps {
  readonly plan: DnsPlan;
  readonly account: string;
  readonly domainId: string;
  readonly onDone: () => void;
}
function Plan({ plan, account, domainId, onDone }: PlanProps) {
  const { t } = useTranslation();
  const [replaces, setReplaces] = useState(false);
  const foreign = plan.replaces_mx;
  const { submit, pending, problem } = useSubmit<{ replace_mx?: boolean }, unknown>({
    send: (body, headers) =>
      ask(
        api.POST('/mta/v1/domains/{id}/dns/apply', {
          params: { path: { id: domainId } },
          body: { account: { self: account }, plan_id: plan.id, ...body },
          headers,
        }),
      ),
    refreshes: [['domains'], ['dns-changes']],
    done: onDone,
  });
  return (
    <Stack gap="sm" data-testid="dns-plan">
      {plan.changes.length === 0 && <Alert color="green">{t('automatic.nothing')}</Alert>}
      {plan.changes.map((change) => (
        <SetChange key={`${change.type} ${change.name}`} change={change} words={said(change)} />
      ))}
      <Remarks title={t('automatic.conflicts')} words={plan.conflicts} color="red" />
      <Remarks title={t('automatic.kept')} words={plan.kept} color="gray" />
      {foreign.length > 0 && (
        <Checkbox
          label={t('automatic.replace_mx', { hosts: foreign.join(t('common.list_separator')) })}
          checked={replaces}
          onChange={(event) => setReplaces(event.currentTarget.checked)}
        />
      )}
      <ProblemAlert error={problem} />
      {plan.changes.length > 0 && (
        <Group>
          <Button
            loading={pending}
            onClick={() => submit(foreign.length > 0 ? { replace_mx: replaces } : {})}
          >
            {t('automatic.apply')}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Changes({ domainId }: { readonly domainId: string }) {
  const { t } = useTranslation();
  const path = { id: domainId };
  const list = useList(['dns-changes', domainId], (cursor, signal) =>
    ask(
      api.GET('/mta/v1/domains/{id}/dns/changes', {
        params: { path, query: { cursor, limit: 10 } },
        signal,
      }),
    ),
  );
  return (
    <ListView list={list} empty={t('automatic.no_changes')}>
      {(changes) =>
        changes.map(({ id, kind, state, zone, created_at, changes: sets }) => (
          <Group key={id} justify="space-between" data-testid="dns-change">
            <div className="page-heading">
              <Group gap="xs">
                <Text size="sm">{t(`automatic.kinds.${kind}`, { zone, at: showTime(created_at) })}</Text>
                <Badge variant="light" color={state === 'applied' ? 'green' : 'yellow'}>
                  {named(t, 'automatic.states', state)}
                </Badge>
              </Group>
              <Text size="xs" c="dimmed" className="wrap">
                {sets.map(({ name, type }) => `${type} ${name}`).join(t('common.list_separator'))}
              </Text>
            </div>
            {kind === 'apply' && state !== 'failed' && (
              <Confirm
                label={t('automatic.undo')}
                subject={showTime(created_at)}
                text={t('automatic.undo_text')}
                act={() =>
                  ask(
                    api.POST('/mta/v1/domains/{id}/dns/undo', { params: { path }, body: { change_id: id } }),
                  )
                }
                refreshes={[['domains'], ['dns-changes']]}
              />
            )}
          </Group>
        ))
      }
    </ListView>
  );
}
