/** The proof of ownership: the record to publish, "check now", and a sentence about what DNS shows instead. */
import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { ApiProblem, api, ask } from '../../api/client.ts';
import type { OwnedDomain } from '../../api/resources.ts';
import { said } from '../../i18n.ts';
import { Copy } from '../../ui/copy.tsx';
import { Section } from '../../ui/page.tsx';
import { Detail, ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

export function Ownership({ owned }: { readonly owned: OwnedDomain }) {
  const { t } = useTranslation();
  const { submit, pending, problem } = useSubmit<object, OwnedDomain>({
    send: (_values, headers) =>
      ask(api.POST('/iam/v1/domains/{id}/verify', { params: { path: { id: owned.id } }, headers })),
    refreshes: [['domains']],
  });
  return (
    <Section title={t('ownership.title')} intro={t('ownership.intro')}>
      <Stack gap="sm">
        {said(owned.ownership) !== '' && <Alert color="yellow">{said(owned.ownership)}</Alert>}
        <Copy label={t('dns.record_name')} value={owned.ownership.name} />
        <Copy label={t('dns.record_type')} value={owned.ownership.type} />
        <Copy label={t('dns.record_value')} value={owned.ownership.value} />
        {problem instanceof ApiProblem && problem.type === 'ownership-not-proved' ? (
          <Alert color="yellow" title={t('ownership.absent')} role="alert">
            <Text size="sm">{t('ownership.absent_help')}</Text>
            <Detail error={problem} />
          </Alert>
        ) : (
          <ProblemAlert error={problem} />
        )}
        <Group>
          <Button loading={pending} onClick={() => submit({})}>
            {t('ownership.check')}
          </Button>
        </Group>
      </Stack>
    </Section>
  );
}
