/** Where a program or a mail client connects to send, and how it signs in: beside a new key and on the domain's page. */
import { Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import { Copy } from '../../ui/copy.tsx';
import { Section, Waiting } from '../../ui/page.tsx';

export function WhereToConnect() {
  const { t } = useTranslation();
  const settings = useResource(['settings'], (signal) => ask(api.GET('/mta/v1/settings', { signal })));
  const connect = settings.data?.connect;
  return (
    <Section title={t('connect.title')} intro={t('connect.intro')}>
      <Waiting query={settings} />
      {connect !== undefined && (
        <Stack gap="xs" data-testid="connect">
          <Copy label={t('connect.host')} value={connect.smtp_host} />
          {connect.smtp_ports.map(({ port, tls }) => (
            <Copy key={tls} label={t(`connect.port.${tls}`)} value={String(port)} />
          ))}
          <Copy label={t('connect.api')} value={connect.api_url} />
          <Text size="sm">
            {t('connect.sign_in', {
              tls: connect.tls_min_version.replace('TLSv', 'TLS '),
              auth: connect.auth_mechanisms.join(', '),
            })}
          </Text>
        </Stack>
      )}
    </Section>
  );
}
