/** The first steps in the manual's order, for a project without a domain: domain, role, API client, key, topic, rule. */
import { Alert, List } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { TextLink } from '../../ui/link.tsx';
import { useOwnedDomains } from '../domains/domains.ts';

const STEPS = [
  ['/domains', 'domain'],
  ['/roles', 'role'],
  ['/api-clients', 'client'],
  ['/topics', 'topic'],
  ['/domains', 'rule'],
] as const;

export function FirstSteps() {
  const { t } = useTranslation();
  const domains = useOwnedDomains();
  if (domains.data === undefined || domains.items.length > 0) return null;
  return (
    <Alert color="blue" title={t('home.first.title')}>
      <List type="ordered" size="sm" spacing={4}>
        {STEPS.map(([to, step]) => (
          <List.Item key={step}>
            <TextLink to={to} size="sm">
              {t(`home.first.${step}`)}
            </TextLink>
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}
