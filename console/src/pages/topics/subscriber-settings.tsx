/** Changes a subscriber: its settings, where a secret that is left empty stays; and pausing it. */
import { Button, Group, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { Kind, Subscriber } from '../../api/resources.ts';
import { KindFields, type KindValues } from '../../ui/kinds.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

interface Values {
  readonly settings: KindValues;
}
export function SubscriberSettings({
  one,
  topicId,
  kind,
  onDone,
}: {
  readonly one: Subscriber;
  readonly topicId: string;
  /** undefined: the service does not know the kind. */
  readonly kind: Kind | undefined;
  readonly onDone: () => void;
}) {
  const { t } = useTranslation();
  const params = { path: { id: topicId, subscriber: one.id } };
  const change = (body: Record<string, string | boolean | null>) =>
    ask(api.PATCH('/edj/v1/topics/{id}/subscribers/{subscriber}', { params, body }));
  const form = useForm<Values>({ initialValues: { settings: shownOf(one, kind) } });
  const refreshes = [['topics', topicId, 'subscribers']];
  const fields = {
    setFieldError: (field: string, error: string) => form.setFieldError(`settings.${field}`, error),
    getValues: () => Object.fromEntries((kind?.settings ?? []).map(({ name }) => [name, ''])),
  };
  const settings = useSubmit<Values, Subscriber>({
    form: fields,
    send: (values) => change(changesOf(values.settings, kind)),
    refreshes,
    done: onDone,
  });
  const isPaused = one.paused_at !== null;
  const pause = useSubmit<boolean, Subscriber>({
    send: (paused) => change({ paused }),
    refreshes,
  });
  return (
    <Stack gap="sm" mt="sm">
      <ProblemAlert error={settings.problem ?? pause.problem} />
      {kind !== undefined && one.broken !== true && (
        <form onSubmit={form.onSubmit((values) => settings.submit(values))} noValidate>
          <Stack gap="sm">
            <KindFields
              kind={kind}
              values={form.values.settings}
              errors={Object.fromEntries(
                kind.settings.map(({ name }) => [name, form.errors[`settings.${name}`]]),
              )}
              onChange={(name, value) => form.setFieldValue(`settings.${name}`, value)}
            />
            {kind.settings.some(({ secret }) => secret) && (
              <Text size="sm" c="dimmed">
                {t('subscribers.secrets_stay')}
              </Text>
            )}
            <Group>
              <Button type="submit" loading={settings.pending}>
                {t('common.save')}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
      <Group>
        <Button variant="default" loading={pause.pending} onClick={() => pause.submit(!isPaused)}>
          {t(isPaused ? 'subscribers.resume' : 'subscribers.pause')}
        </Button>
        <Text size="sm" c="dimmed">
          {t(isPaused ? 'subscribers.resume_text' : 'subscribers.pause_text')}
        </Text>
      </Group>
    </Stack>
  );
}
function shownOf(one: Subscriber, kind: Kind | undefined): KindValues {
  const shown = (kind?.settings ?? []).flatMap(({ name, secret }) => {
    const value = one[name];
    return secret || value === undefined || value === null ? [] : [[name, value] as const];
  });
  return Object.fromEntries(shown);
}
/** A text that was emptied is no longer set, a secret that was left empty stays. */
function changesOf(values: KindValues, kind: Kind | undefined): Record<string, string | boolean | null> {
  const changes: Record<string, string | boolean | null> = {};
  for (const { name, type, secret, optional, default: otherwise } of kind?.settings ?? []) {
    const value = values[name] ?? (type === 'text' ? '' : otherwise);
    const text = String(value ?? '').trim();
    if (typeof value === 'boolean') changes[name] = value;
    else if (text !== '') changes[name] = text;
    else if (!secret) changes[name] = optional ? null : '';
  }
  return changes;
}
