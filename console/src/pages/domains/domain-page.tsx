/** One domain, step by step: ownership, then MTA, then DNS, rules and keys. */
import { Alert, List, Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { OwnedDomain } from '../../api/resources.ts';
import { said } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Page, Waiting } from '../../ui/page.tsx';
import { DomainTabs } from './domain-tabs.tsx';
import { useMtaDomain, useMtaDomains, useOwnedDomain } from './domains.ts';
import { Ownership } from './ownership.tsx';
import { SetUpMta } from './set-up-mta.tsx';

export function DomainPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: '/domains/$id' });
  const owned = useOwnedDomain(id);
  const mta = useMtaDomains();
  if (owned.data === undefined)
    return (
      <Page title={t('domains.one')}>
        <Waiting query={owned} />
      </Page>
    );
  const domain = mta.data?.get(id);
  const step = !owned.data.verified ? 0 : domain === undefined ? 1 : domain.mx_seen ? 3 : 2;
  return (
    <Page
      title={owned.data.unicode_name}
      intro={owned.data.unicode_name === owned.data.name ? undefined : owned.data.name}
      actions={<Removal owned={owned.data} inMta={domain !== undefined} />}
    >
      {step < 3 && (
        <Alert color="blue" title={t('domains.next_step')}>
          <Steps step={step} />
          {domain !== undefined && <Missing id={domain.id} />}
        </Alert>
      )}
      {owned.data.warning !== null && <Alert color="yellow">{said(owned.data.warning)}</Alert>}
      {owned.data.verified && said(owned.data.ownership) !== '' && (
        <Alert color="red" title={t('ownership.title')}>
          {said(owned.data.ownership)}
        </Alert>
      )}
      {!owned.data.verified && <Ownership owned={owned.data} />}
      {owned.data.verified && mta.data === undefined && <Waiting query={mta} />}
      {owned.data.verified && mta.data !== undefined && domain === undefined && (
        <SetUpMta owned={owned.data} />
      )}
      {domain !== undefined && <DomainTabs ownedId={id} domain={domain} />}
    </Page>
  );
}

const STEPS = ['ownership', 'mta', 'dns'] as const;

function Steps({ step }: { readonly step: number }) {
  const { t } = useTranslation();
  return (
    <List type="ordered" size="sm">
      {STEPS.map((name, i) => (
        <List.Item key={name} aria-current={i === step ? 'step' : undefined}>
          <Text span inherit fw={i === step ? 700 : 400} td={i < step ? 'line-through' : undefined}>
            {t(`domains.step.${name}`)}
          </Text>
        </List.Item>
      ))}
    </List>
  );
}

/** The next step, as the service says it. */
function Missing({ id }: { readonly id: string }) {
  const words = said(useMtaDomain(id).data?.next_step);
  return words === '' ? null : (
    <Text size="sm" mt="xs" className="wrap">
      {words}
    </Text>
  );
}

/** Removes the owned domain. The MTA domain must be removed first. */
function Removal({ owned: { id, name }, inMta }: { readonly owned: OwnedDomain; readonly inMta: boolean }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  if (inMta) return null;
  return (
    <Confirm
      label={t('common.delete')}
      subject={name}
      text={t('domains.delete_text')}
      act={() => ask(api.DELETE('/iam/v1/domains/{id}', { params: { path: { id } } }))}
      refreshes={[['domains']]}
      done={() => void navigate({ to: '/domains' })}
    />
  );
}
