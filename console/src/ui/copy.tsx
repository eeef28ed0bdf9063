/** Values to copy: they are shown whole and copied by a button. A secret says that it is shown only once. */
import { Alert, Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';

interface CopyProps {
  readonly label: string;
  readonly value: string;
}
export function Copy({ label, value }: CopyProps) {
  const { t } = useTranslation();
  return (
    <div>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <Code block className="copy-value">
          {value}
        </Code>
        <CopyButton value={value}>
          {({ copied, copy }) => (
            <Button
              size="compact-sm"
              variant="light"
              className="copy-button"
              onClick={copy}
              aria-label={t('common.copy_named', { label })}
            >
              {copied ? t('common.copied') : t('common.copy')}
            </Button>
          )}
        </CopyButton>
      </Group>
    </div>
  );
}

interface SecretProps {
  readonly title: string;
  readonly values: readonly CopyProps[];
  readonly onClose: () => void;
}
/** A secret that cannot be shown again. It disappears when the reader says so. */
export function SecretOnce({ title, values, onClose }: SecretProps) {
  const { t } = useTranslation();
  return (
    <Alert color="yellow" title={title} role="status" data-testid="secret">
      <Stack gap="xs">
        <Text size="sm">{t('common.secret_once')}</Text>
        {values.map((value) => (
          <Copy key={value.label} {...value} />
        ))}
        <Group>
          <Button size="xs" onClick={onClose}>
            {t('common.secret_saved')}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}
