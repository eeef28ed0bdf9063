/** What is shown instead of a page: for an unknown address, and after a failure. */
import { Alert, Button, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { TextLink } from '../ui/link.tsx';
import { Page } from '../ui/page.tsx';

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Page title={t('shell.not_found')}>
      <Text>{t('shell.not_found_text')}</Text>
      <TextLink to="/">{t('home.title')}</TextLink>
    </Page>
  );
}
/** For a person who belongs to no project, or no longer to one. */
export function NoProject() {
  const { t } = useTranslation();
  return (
    <Page title={t('project.none')}>
      <Text>{t('project.none_text')}</Text>
    </Page>
  );
}
/** For a page whose code failed, or could not be loaded (the service was away, or is newer than this page). */
export function PageFailed() {
  const { t } = useTranslation();
  return (
    <Alert color="red" title={t('shell.failed')} role="alert" m="md">
      <Text size="sm">{t('shell.failed_text')}</Text>
      <Button mt="xs" size="xs" variant="default" onClick={() => location.reload()}>
        {t('shell.reload')}
      </Button>
    </Alert>
  );
}
