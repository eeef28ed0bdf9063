/** One API client with its static keys (静的鍵). */
import { Badge, Group } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Page, Waiting } from '../../ui/page.tsx';
import { StaticKeys } from './static-keys.tsx';

export function ClientPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: '/api-clients/$id' });
  const navigate = useNavigate();
  const query = useResource(['api-clients', id], (signal) =>
    ask(api.GET('/iam/v1/api_clients/{id}', { params: { path: { id } }, signal })),
  );
  const client = query.data;
  if (client === undefined)
    return (
      <Page title={t('clients.one')}>
        <Waiting query={query} />
      </Page>
    );
  return (
    <Page
      title={client.name}
      actions={
        <Confirm
          label={t('common.delete')}
          subject={client.name}
          text={t('clients.delete_text')}
          act={() => ask(api.DELETE('/iam/v1/api_clients/{id}', { params: { path: { id } } }))}
          refreshes={[['api-clients']]}
          done={() => void navigate({ to: '/api-clients' })}
        />
      }
    >
      <Group gap={4}>
        {client.roles.map((role) => (
          <Badge key={role} variant="light">
            {role}
          </Badge>
        ))}
      </Group>
      <StaticKeys clientId={id} />
    </Page>
  );
}
