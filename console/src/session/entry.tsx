/** The frame of the pages before sign-in. */
import { Group, Paper, Text, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { LanguageSwitch } from '../ui/language-switch.tsx';

interface EntryProps {
  readonly title: string;
  readonly wide?: boolean;
  readonly children: ReactNode;
}
export function Entry({ title, wide = false, children }: EntryProps) {
  const { t } = useTranslation();
  useDocumentTitle(t('common.document_title', { title }));
  return (
    <main className={wide ? 'entry entry-wide' : 'entry'}>
      <Group justify="space-between" mb="md">
        <Text fw={700} size="lg">
          {t('shell.name')}
        </Text>
        <LanguageSwitch />
      </Group>
      <Paper withBorder p="lg" radius="md">
        <Title order={1} size="h3" mb="md">
          {title}
        </Title>
        {children}
      </Paper>
    </main>
  );
}
