/** Closes a project, opens it again while its data is kept, and exports the data. */
import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { Project } from '../../api/resources.ts';
import { showTime } from '../../i18n.ts';
import { useRereadSession } from '../../session/session.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

export function Closing({ project: { id, name, closed_at: closedAt } }: { readonly project: Project }) {
  const { t } = useTranslation();
  const reread = useRereadSession();
  const params = { path: { id } };
  const reopen = useSubmit<object, Project>({
    send: (_values, headers) => ask(api.POST('/iam/v1/projects/{id}/reopen', { params, headers })),
    refreshes: [['project']],
    done: () => void reread(),
  });
  return (
    <Section title={t('closing.title')} intro={t('closing.intro')}>
      <Stack gap="sm">
        <ProblemAlert error={reopen.problem} />
        {closedAt !== null && (
          <Alert color="orange" title={t('closing.closed', { at: showTime(closedAt) })}>
            <Text size="sm">{t('closing.closed_text')}</Text>
          </Alert>
        )}
        <Group>
          <Button component="a" variant="default" href={`/iam/v1/projects/${id}/export`} download>
            {t('closing.export')}
          </Button>
          {closedAt === null ? (
            <Confirm
              label={t('closing.close')}
              subject={name}
              text={t('closing.close_text')}
              act={() => ask(api.POST('/iam/v1/projects/{id}/close', { params }))}
              refreshes={[['project']]}
              done={() => void reread()}
              button={{ size: 'sm', variant: 'outline' }}
            />
          ) : (
            <Button loading={reopen.pending} onClick={() => reopen.submit({})}>
              {t('closing.reopen')}
            </Button>
          )}
        </Group>
      </Stack>
    </Section>
  );
}
