/** Chooses one of the existing topics. If there is none yet, it says how to make one. */
import { Select } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useTopics } from '../pages/topics/topics.ts';
import { ProblemAlert } from './problem.tsx';

interface TopicSelectProps {
  readonly label: string;
  readonly description?: string;
  /** The topic's `self`. */
  readonly value?: string | null;
  readonly onChange?: (self: string | null) => void;
  readonly error?: ReactNode;
}
export function TopicSelect({ label, description, value, onChange, error }: TopicSelectProps) {
  const { t } = useTranslation();
  const list = useTopics();
  if (list.data === undefined && list.error !== null)
    return <ProblemAlert error={list.error} retry={() => void list.refetch()} />;
  return (
    <Select
      label={label}
      description={description}
      placeholder={t('topics.choose')}
      nothingFoundMessage={t('topics.empty')}
      data={list.items.map(({ self, name }) => ({ value: self, label: name }))}
      value={value ?? null}
      onChange={onChange}
      error={error}
      searchable
      allowDeselect={false}
    />
  );
}
