/** A new set of recovery codes: made on request, shown once. */
import { Alert, Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import { ProblemAlert } from '../ui/problem.tsx';

interface RecoveryCodesProps {
  /** Called when the person confirms that the codes are kept. */
  readonly onDone: () => void;
  /** Shown instead of the button; codes that are shown stay. */
  readonly first?: ReactNode;
}
export function RecoveryCodes({ onDone, first = null }: RecoveryCodesProps) {
  const { t } = useTranslation();
  const make = useMutation({
    mutationFn: () => ask(api.POST('/iam/v1/me/recovery_codes')),
  });
  if (make.data === undefined && first !== null) return first;
  if (make.data === undefined)
    return (
      <Stack gap="sm">
        <Text size="sm">{t('factors.recovery_text')}</Text>
        <ProblemAlert error={make.error} />
        <Group>
          <Button loading={make.isPending} onClick={() => make.mutate()}>
            {t('factors.recovery_make')}
          </Button>
        </Group>
      </Stack>
    );
  const text = make.data.codes.join('\n');
  return (
    <Alert color="yellow" title={t('factors.recovery')} role="status" data-testid="recovery-codes">
      <Stack gap="xs">
        <Text size="sm">{t('factors.recovery_once')}</Text>
        <Code block>{text}</Code>
        <Group>
          <CopyButton value={text}>
            {({ copied, copy }) => (
              <Button size="xs" variant="default" onClick={copy}>
                {copied ? t('common.copied') : t('common.copy')}
              </Button>
            )}
          </CopyButton>
          <Button
            size="xs"
            onClick={() => {
              make.reset();
              onDone();
            }}
          >
            {t('common.secret_saved')}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}
