/** Chooses from all operations, grouped by resource. Policies and the documents use the same names. */
import { Checkbox, Input, ScrollArea, SimpleGrid, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import { Waiting } from '../../ui/page.tsx';

interface OperationsInputProps {
  readonly value?: string[];
  readonly onChange?: (chosen: string[]) => void;
  readonly error?: ReactNode;
}
export function OperationsInput({ value = [], onChange, error }: OperationsInputProps) {
  const { t } = useTranslation();
  const query = useResource(['operations'], (signal) => ask(api.GET('/iam/v1/operations', { signal })));
  if (query.data === undefined) return <Waiting query={query} />;
  // No role of a project contains operations for operators.
  const names = query.data.items.filter(({ operator }) => !operator).map(({ name }) => name);
  const resources = Map.groupBy(names, (name) => name.slice(0, name.lastIndexOf('.')));
  return (
    <Input.Wrapper label={t('roles.operations')} error={error} labelElement="div">
      <ScrollArea.Autosize mah={320} type="auto" mt={4} viewportProps={{ tabIndex: 0 }}>
        <Stack gap="sm">
          {[...resources].map(([resource, operations]) => (
            <Checkbox.Group key={resource} value={value} onChange={onChange} label={resource}>
              <SimpleGrid cols={{ base: 2, sm: 5 }} spacing={6} mt={4}>
                {operations.map((name) => (
                  <Checkbox
                    key={name}
                    value={name}
                    size="xs"
                    label={<Text size="xs">{name.slice(name.lastIndexOf('.') + 1)}</Text>}
                    aria-label={name}
                  />
                ))}
              </SimpleGrid>
            </Checkbox.Group>
          ))}
        </Stack>
      </ScrollArea.Autosize>
    </Input.Wrapper>
  );
}
