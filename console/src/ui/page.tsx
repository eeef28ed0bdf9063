/** The frame of a page: its title (also the document's title), its actions, and lists in their four states. */
import { Box, Button, Group, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { List } from '../api/queries.ts';
import { showNumber } from '../i18n.ts';
import { ProblemAlert } from './problem.tsx';

interface PageProps {
  readonly title: string;
  readonly intro?: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}
export function Page({ title, intro, actions, children }: PageProps) {
  const { t } = useTranslation();
  useDocumentTitle(t('common.document_title', { title }));
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start" gap="sm">
        <Box className="page-heading">
          <Title order={1} size="h2" className="wrap">
            {title}
          </Title>
          {intro !== undefined && (
            <Text c="dimmed" size="sm" mt={4}>
              {intro}
            </Text>
          )}
        </Box>
        {actions}
      </Group>
      {children}
    </Stack>
  );
}

interface SectionProps {
  readonly title: string;
  readonly intro?: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}
export function Section({ title, intro, actions, children }: SectionProps) {
  return (
    <Paper withBorder p="md" radius="md" component="section">
      <Group justify="space-between" align="flex-start" mb="sm" gap="sm">
        <Box className="page-heading">
          <Title order={2} size="h4">
            {title}
          </Title>
          {intro !== undefined && (
            <Text c="dimmed" size="sm" mt={2}>
              {intro}
            </Text>
          )}
        </Box>
        {actions}
      </Group>
      {children}
    </Paper>
  );
}

interface Loading {
  readonly isPending: boolean;
  readonly error: Error | null;
  readonly refetch: () => unknown;
}
/** What is shown while a query has no answer; null once there is an answer, even an old one. */
export function Waiting({ query }: { readonly query: Loading & { readonly data: unknown } }) {
  const { t } = useTranslation();
  if (query.data !== undefined) return null;
  if (query.error !== null) return <ProblemAlert error={query.error} retry={() => void query.refetch()} />;
  return <Loader size="sm" aria-label={t('common.loading')} role="status" />;
}

interface ListViewProps<T> {
  readonly list: List<T>;
  readonly empty: string;
  readonly children: (items: readonly T[]) => ReactNode;
}
export function ListView<T>({ list, empty, children }: ListViewProps<T>) {
  const { t } = useTranslation();
  if (list.data === undefined) return <Waiting query={list} />;
  return (
    <Stack gap="sm">
      {list.items.length === 0 ? (
        <Text c="dimmed" py="md">
          {empty}
        </Text>
      ) : (
        children(list.items)
      )}
      {list.hasNextPage && (
        <Group>
          {list.lookedAt > 0 && (
            <Text size="sm" c="dimmed">
              {list.of === null
                ? t('common.looked_at', { shown: showNumber(list.lookedAt) })
                : t('common.looked_at_of', { shown: showNumber(list.lookedAt), of: showNumber(list.of) })}
            </Text>
          )}
          <Button
            variant="default"
            onClick={() => void list.fetchNextPage()}
            loading={list.isFetchingNextPage}
          >
            {t('common.more')}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
