/** The tabs of a domain that is set up in MTA. The URL names the open tab. */
import { Tabs } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { MtaDomain } from '../../api/resources.ts';
import { WhereToConnect } from '../clients/where-to-connect.tsx';
import { Dkim } from './dkim.tsx';
import { Dns } from './dns.tsx';
import { DomainSettings } from './domain-settings.tsx';
import { EventRules } from './event-rules.tsx';
import { IncomingRules } from './incoming-rules.tsx';
import { OutgoingRules } from './outgoing-rules.tsx';

interface DomainTabsProps {
  readonly ownedId: string;
  readonly domain: MtaDomain;
}
export function DomainTabs({ ownedId, domain }: DomainTabsProps) {
  const { t } = useTranslation();
  const { tab = 'dns' } = useSearch({ from: '/domains/$id' });
  const navigate = useNavigate();
  const tabs = [
    ['dns', t('dns.title'), <Dns key="dns" domainId={domain.id} />],
    ['incoming', t('rules.incoming.title'), <IncomingRules key="incoming" domain={domain} />],
    ['outgoing', t('rules.outgoing.title'), <OutgoingRules key="outgoing" domain={domain} />],
    ['event', t('rules.event.title'), <EventRules key="event" domainId={domain.id} />],
    ['dkim', t('dkim.title'), <Dkim key="dkim" domain={domain} />],
    ['connect', t('connect.title'), <WhereToConnect key="connect" />],
    ['settings', t('common.settings'), <DomainSettings key="settings" domain={domain} />],
  ] as const;
  return (
    <Tabs
      value={tab}
      keepMounted={false}
      onChange={(next) =>
        void navigate({
          to: '/domains/$id',
          params: { id: ownedId },
          search: { tab: next ?? undefined },
          replace: true,
        })
      }
    >
      <Tabs.List mb="md">
        {tabs.map(([name, label]) => (
          <Tabs.Tab key={name} value={name}>
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map(([name, , panel]) => (
        <Tabs.Panel key={name} value={name}>
          {panel}
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
