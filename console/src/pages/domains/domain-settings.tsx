/** A domain's own settings: receiving, default topic, its own limits; for removing the domain from MTA. */
import { Button, Group, NumberInput, Stack, Switch } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { MtaDomain } from '../../api/resources.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { TopicSelect } from '../../ui/topic-select.tsx';
import { useSubmit } from '../../ui/use-submit.ts';

interface Values {
  readonly default_topic: string;
  readonly receiving: boolean;
  readonly per_minute: number | string;
  readonly per_day: number | string;
}
/** An empty field means that the domain has no limit of its own. */
const limitOf = (value: number | string): number | null => (typeof value === 'number' ? value : null);

export function DomainSettings({ domain }: { readonly domain: MtaDomain }) {
  const { t } = useTranslation();
  const { id, name } = domain;
  const form = useForm<Values>({
    initialValues: {
      default_topic: domain.default_topic.self,
      receiving: domain.receiving,
      per_minute: domain.limits.per_minute ?? '',
      per_day: domain.limits.per_day ?? '',
    },
  });
  const { submit, pending, problem } = useSubmit<Values, MtaDomain>({
    form,
    fieldOf: (field) => field.replace('limits.', ''),
    send: ({ default_topic, receiving, per_minute, per_day }) =>
      ask(
        api.PATCH('/mta/v1/domains/{id}', {
          params: { path: { id } },
          body: {
            default_topic: { self: default_topic },
            receiving,
            limits: { per_minute: limitOf(per_minute), per_day: limitOf(per_day) },
          },
        }),
      ),
    refreshes: [['domains']],
  });
  return (
    <Stack>
      <Section title={t('common.settings')}>
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <Stack gap="sm">
            <ProblemAlert error={problem} />
            <TopicSelect
              label={t('domains.default_topic')}
              description={t('domains.default_topic_help')}
              {...form.getInputProps('default_topic')}
            />
            <Switch
              label={t('domains.receiving')}
              description={t('domains.receiving_help')}
              {...form.getInputProps('receiving', { type: 'checkbox' })}
            />
            <Group align="flex-start">
              <NumberInput
                label={t('limits.per_minute')}
                description={t('domains.limit_help')}
                min={0}
                allowDecimal={false}
                {...form.getInputProps('per_minute')}
              />
              <NumberInput
                label={t('limits.per_day')}
                description={t('domains.limit_help')}
                min={0}
                allowDecimal={false}
                {...form.getInputProps('per_day')}
              />
            </Group>
            <Group>
              <Button type="submit" loading={pending}>
                {t('common.save')}
              </Button>
            </Group>
          </Stack>
        </form>
      </Section>
      <Section title={t('domains.remove_title')} intro={t('domains.remove_text')}>
        <Confirm
          label={t('domains.remove')}
          subject={name}
          text={t('domains.remove_text')}
          act={() => ask(api.DELETE('/mta/v1/domains/{id}', { params: { path: { id } } }))}
          refreshes={[['domains']]}
          button={{ size: 'sm', variant: 'outline' }}
        />
      </Section>
    </Stack>
  );
}
