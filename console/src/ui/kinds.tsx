/**
 * Open lists of kinds (DNS providers, kinds of subscribers): the service's description of each kind, and the form fields
 * for its settings. Everything about a kind comes from the service, so a new kind needs no change here.
 */
import { Checkbox, PasswordInput, Select, Text, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Kind } from '../api/resources.ts';
import { language } from '../i18n.ts';

type Labelled = Pick<Kind, 'label' | 'label_ja'>;
export const labelOf = ({ label, label_ja }: Labelled): string => (language() === 'ja' ? label_ja : label);
/** The label of a kind; its name if the kind is not known. */
export function kindLabel(kinds: readonly Kind[], name: string): string {
  const kind = kinds.find((one) => one.name === name);
  return kind === undefined ? name : labelOf(kind);
}

export type KindValues = Readonly<Record<string, string | boolean>>;
/** The settings that were filled in. Empty texts are left out. */
export function filledIn({ settings }: Kind, values: KindValues): Record<string, string | boolean> {
  const given = settings.map(({ name, type, default: otherwise }): [string, string | boolean] => {
    const value = values[name];
    return [name, type === 'switch' ? (value ?? otherwise) === true : String(value ?? '').trim()];
  });
  return Object.fromEntries(given.filter(([, value]) => value !== ''));
}

export function KindFields({
  kind,
  values,
  errors,
  onChange,
}: {
  readonly kind: Kind;
  readonly values: KindValues;
  readonly errors: Readonly<Record<string, React.ReactNode>>;
  readonly onChange: (name: string, value: string | boolean) => void;
}) {
  const { t } = useTranslation();
  const about = language() === 'ja' ? kind.description_ja : kind.description;
  const inputs = kind.settings.map((setting) => {
    const { name, type, secret, optional, default: otherwise, choices } = setting;
    if (type === 'switch')
      return (
        <Checkbox
          key={`${kind.name} ${name}`}
          label={labelOf(setting)}
          checked={(values[name] ?? otherwise) === true}
          error={errors[name]}
          onChange={(event) => onChange(name, event.currentTarget.checked)}
        />
      );
    if (type === 'choice')
      return (
        <Select
          key={`${kind.name} ${name}`}
          label={labelOf(setting)}
          data={choices.map((one) => ({ value: one.value, label: labelOf(one) }))}
          allowDeselect={false}
          value={String(values[name] ?? otherwise)}
          error={errors[name]}
          onChange={(value) => onChange(name, value ?? '')}
        />
      );
    const Input = secret ? PasswordInput : TextInput;
    return (
      <Input
        key={`${kind.name} ${name}`}
        label={labelOf(setting)}
        description={optional ? t('common.optional') : undefined}
        placeholder={typeof otherwise === 'string' ? otherwise : undefined}
        autoComplete="off"
        spellCheck={false}
        {...(secret ? { visibilityToggleButtonProps: { 'aria-label': t('common.show_secret') } } : {})}
        value={String(values[name] ?? '')}
        error={errors[name]}
        onChange={(event) => onChange(name, event.currentTarget.value)}
      />
    );
  });
  return (
    <>
      <Text c="dimmed" size="sm">
        {about}
      </Text>
      {inputs}
    </>
  );
}
