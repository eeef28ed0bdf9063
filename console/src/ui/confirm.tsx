/** A button for an action that cannot be undone. It says what will happen, asks once, and shows what went wrong. */
import { Button, type ButtonProps, Group, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';
import type { Key } from '../api/queries.ts';
import { ProblemAlert } from './problem.tsx';
import { useSubmit } from './use-submit.ts';

interface ConfirmProps {
  readonly label: string;
  /** Names the item, for people who do not see the row. */
  readonly subject: string;
  readonly text: string;
  readonly act: () => Promise<unknown>;
  readonly refreshes?: readonly Key[];
  readonly done?: () => void;
  readonly button?: ButtonProps;
}
export function Confirm({ label, subject, text, act, refreshes, done, button }: ConfirmProps) {
  const { t } = useTranslation();
  const [opened, { open, close }] = useDisclosure(false);
  const { submit, pending, problem, reset } = useSubmit<object, unknown>({
    send: act,
    refreshes,
    done() {
      close();
      done?.();
    },
  });
  return (
    <>
      <Button
        size="compact-sm"
        variant="subtle"
        color="red"
        {...button}
        onClick={() => {
          reset();
          open();
        }}
        aria-label={t('common.action_on', { label, subject })}
      >
        {label}
      </Button>
      <Modal
        opened={opened}
        onClose={close}
        title={t('common.action_on', { label, subject })}
        centered
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <Stack gap="sm">
          <Text size="sm">{text}</Text>
          <ProblemAlert error={problem} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t('common.cancel')}
            </Button>
            <Button color="red" loading={pending} onClick={() => submit({})} data-testid="confirm">
              {label}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
