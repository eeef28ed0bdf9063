/** A button that changes the queue. It first counts what it would change, says the number, and asks. */
import { Button, Group, Loader, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useResource } from '../../api/queries.ts';
import type { QueueChange, QueueChanged } from '../../api/resources.ts';
import { showNumber } from '../../i18n.ts';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

interface QueueActionProps {
  readonly action: 'retry' | 'suspend' | 'cancel' | 'resume';
  readonly object: Pick<QueueChange, 'filter' | 'all' | 'suspension'>;
  /** Names what is changed, for people who do not see the row. */
  readonly subject: string;
}
export function QueueAction({ action, object, subject }: QueueActionProps) {
  const { t } = useTranslation();
  const [opened, { open, close }] = useDisclosure(false);
  const body: QueueChange = { action, ...object };
  const counted = useResource<QueueChanged>(
    ['queue-count', JSON.stringify(body)],
    (signal) => ask(api.POST('/mta/v1/queues', { body: { ...body, dry_run: true }, signal })),
    { enabled: opened },
  );
  const { submit, pending, problem, reset } = useSubmit<QueueChange, QueueChanged>({
    send: (change, headers) => ask(api.POST('/mta/v1/queues', { body: change, headers })),
    refreshes: [['queue'], ['queue-count']],
    done: close,
  });
  const color = action === 'cancel' ? { color: 'red' } : {};
  const label = t(`queue.actions.${action}`);
  return (
    <>
      <Button
        size="compact-sm"
        variant="subtle"
        {...color}
        onClick={() => {
          reset();
          void counted.refetch();
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
          {counted.isFetching && <Loader size="sm" aria-label={t('common.loading')} role="status" />}
          {counted.data !== undefined && !counted.isFetching && (
            <Text size="sm" data-testid="count">
              {t(`queue.asks.${action}`, { number: showNumber(counted.data.matched) })}
            </Text>
          )}
          <ProblemAlert error={problem ?? counted.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t('common.cancel')}
            </Button>
            <Button
              {...color}
              loading={pending}
              disabled={counted.data === undefined || counted.isFetching}
              onClick={() => submit(body)}
              data-testid="confirm"
            >
              {label}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
