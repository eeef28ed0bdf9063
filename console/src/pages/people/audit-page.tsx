/** The audit log: who did what in the project, newest first, with a filter by operation. */
import { Badge, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import { named, showTime } from '../../i18n.ts';
import { ListView, Page } from '../../ui/page.tsx';

const SETTLE_MS = 400;

export function AuditPage() {
  const { t } = useTranslation();
  const [operation, setOperation] = useState('');
  const [asked] = useDebouncedValue(operation.trim(), SETTLE_MS);
  const list = useList(['audit', asked], (cursor, signal) =>
    ask(
      api.GET('/iam/v1/audit_events', {
        params: { query: { cursor, ...(asked === '' ? {} : { operation: asked }) } },
        signal,
      }),
    ),
  );
  return (
    <Page title={t('audit.title')} intro={t('audit.intro')}>
      <TextInput
        label={t('audit.operation')}
        description={t('audit.operation_help')}
        value={operation}
        onChange={(event) => setOperation(event.currentTarget.value)}
        spellCheck={false}
        autoCapitalize="none"
      />
      <ListView list={list} empty={t('audit.empty')}>
        {(events) => (
          <Table.ScrollContainer minWidth={720}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('audit.at')}</Table.Th>
                  <Table.Th>{t('audit.actor')}</Table.Th>
                  <Table.Th>{t('audit.operation')}</Table.Th>
                  <Table.Th>{t('audit.target')}</Table.Th>
                  <Table.Th>{t('audit.outcome')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {events.map((event) => (
                  <Table.Tr key={event.id}>
                    <Table.Td>{showTime(event.at)}</Table.Td>
                    <Table.Td className="wrap">
                      <Text size="sm">{named(t, 'audit.actors', event.actor.type)}</Text>
                      <Text size="xs" c="dimmed">
                        {event.actor.name ?? event.actor.id}
                      </Text>
                    </Table.Td>
                    <Table.Td className="wrap">{event.operation}</Table.Td>
                    <Table.Td className="wrap">
                      <Text size="sm">{event.target}</Text>
                      {event.fields.length > 0 && (
                        <Text size="xs" c="dimmed">
                          {event.fields.join(t('common.list_separator'))}
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td>
                      <Badge variant="light" color={event.outcome === 'succeeded' ? 'green' : 'red'}>
                        {named(t, 'audit.outcomes', event.outcome)}
                      </Badge>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </ListView>
    </Page>
  );
}
