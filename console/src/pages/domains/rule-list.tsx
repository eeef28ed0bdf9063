/** The rules of one family as a table, each with the topic to which it publishes; for removing a rule. */
import { Table } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Key } from '../../api/queries.ts';
import { idOf, type Rule } from '../../api/resources.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { TextLink } from '../../ui/link.tsx';
import { useTopics } from '../topics/topics.ts';

/** The number of rules shown at first. A button shows more. */
export const RULES_AT_ONCE = 50;

interface RuleListProps<R extends Rule> {
  readonly rules: readonly R[];
  /** The subject of a rule: the first column, and the rule's name. */
  readonly about?: { readonly title: string; readonly of: (rule: R) => string };
  readonly remove: (rule: R) => Promise<unknown>;
  readonly refreshes: Key;
}
export function RuleList<R extends Rule>({ rules, about, remove, refreshes }: RuleListProps<R>): ReactNode {
  const { t } = useTranslation();
  const topics = useTopics();
  const topicName = (rule: R) =>
    topics.items.find(({ id }) => id === idOf(rule.topic))?.name ?? idOf(rule.topic);
  return (
    <Table.ScrollContainer minWidth={340}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            {about !== undefined && <Table.Th>{about.title}</Table.Th>}
            <Table.Th>{t('topics.one')}</Table.Th>
            <Table.Th>{t('common.actions')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rules.map((rule) => (
            <Table.Tr key={rule.id}>
              {about !== undefined && <Table.Td className="wrap">{about.of(rule)}</Table.Td>}
              <Table.Td>
                <TextLink to="/topics/$id" params={{ id: idOf(rule.topic) }}>
                  {topicName(rule)}
                </TextLink>
              </Table.Td>
              <Table.Td>
                <Confirm
                  label={t('common.delete')}
                  subject={about?.of(rule) ?? topicName(rule)}
                  text={t('rules.delete_text')}
                  act={() => remove(rule)}
                  refreshes={[refreshes]}
                />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
