/** Roles: the predefined ones and the project's own, each with the operations that it permits. */
import { Badge, Button, Card, Code, Group, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import type { ListedRole, Role } from '../../api/resources.ts';
import { named, showNumber } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { Page, Section, Waiting } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useRoles } from '../../ui/roles.ts';
import { useSubmit } from '../../ui/use-submit.ts';
import { OperationsInput } from './operations-input.tsx';

const KEY = ['roles'];
const ROLE_NAME = /^[a-z][a-z0-9-]{0,62}$/;

export function RolesPage() {
  const { t } = useTranslation();
  const query = useRoles();
  return (
    <Page title={t('roles.title')} intro={t('roles.intro')}>
      <NewRole />
      <Waiting query={query} />
      {query.data?.items.map((role) => (
        <RoleCard key={role.name} role={role} />
      ))}
    </Page>
  );
}

function RoleCard({ role }: { readonly role: ListedRole }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [changing, setChanging] = useState(false);
  const { name, operations } = role;
  return (
    <Card withBorder>
      <Group justify="space-between" align="flex-start">
        <div className="page-heading">
          <Group gap="xs">
            <Text fw={600} className="wrap">
              {name}
            </Text>
            {role.predefined && (
              <Badge variant="light" color="gray">
                {t('roles.predefined')}
              </Badge>
            )}
          </Group>
          <Text size="sm" c="dimmed">
            {role.predefined
              ? named(t, 'roles.about', name)
              : t('roles.operations_n', { n: showNumber(operations.length) })}
          </Text>
        </div>
        <Group gap="xs">
          <Button
            size="compact-sm"
            variant="default"
            aria-expanded={open}
            aria-label={t('common.action_on', { label: t('roles.operations'), subject: name })}
            onClick={() => setOpen(!open)}
          >
            {t('roles.operations')}
          </Button>
          {!role.predefined && (
            <>
              <Button
                size="compact-sm"
                variant="default"
                aria-expanded={changing}
                aria-label={t('common.action_on', { label: t('common.change'), subject: name })}
                onClick={() => setChanging(!changing)}
              >
                {t('common.change')}
              </Button>
              <Confirm
                label={t('common.delete')}
                subject={name}
                text={t('roles.delete_text')}
                act={() => ask(api.DELETE('/iam/v1/roles/{id}', { params: { path: { id: role.id } } }))}
                refreshes={[KEY]}
              />
            </>
          )}
        </Group>
      </Group>
      {open && (
        <Code block mt="sm" className="wrap" tabIndex={0}>
          {[...operations].sort().join('\n')}
        </Code>
      )}
      {changing && !role.predefined && <ChangeRole role={role} onDone={() => setChanging(false)} />}
    </Card>
  );
}

interface Values {
  readonly name: string;
  readonly operations: string[];
}
function NewRole() {
  const { t } = useTranslation();
  const form = useForm<Values>({
    initialValues: { name: '', operations: [] },
    validate: {
      name: (name) => (ROLE_NAME.test(name.trim()) ? null : t('roles.name_wrong')),
      operations: (chosen) => (chosen.length === 0 ? t('roles.operations_needed') : null),
    },
  });
  const { submit, pending, problem } = useSubmit<Values, Role>({
    form,
    send: ({ name, operations }, headers) =>
      ask(api.POST('/iam/v1/roles', { body: { name: name.trim(), operations }, headers })),
    refreshes: [KEY],
    done: () => form.reset(),
  });
  return (
    <Section title={t('roles.new')} intro={t('roles.new_intro')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
        <Stack gap="sm">
          <ProblemAlert error={problem} />
          <TextInput
            label={t('roles.name')}
            description={t('roles.name_help')}
            autoCapitalize="none"
            spellCheck={false}
            {...form.getInputProps('name')}
          />
          <Group gap="xs">
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => form.setFieldValue('operations', SENDING)}
            >
              {t('roles.sending')}
            </Button>
          </Group>
          <OperationsInput {...form.getInputProps('operations')} />
          <Group>
            <Button type="submit" loading={pending}>
              {t('common.create')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
/** A role needs all three for sending. */
const SENDING = ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'];

interface ChangeRoleProps {
  readonly role: Role;
  readonly onDone: () => void;
}
function ChangeRole({ role, onDone }: ChangeRoleProps) {
  const { t } = useTranslation();
  const form = useForm({ initialValues: { operations: [...role.operations] } });
  const { submit, pending, problem } = useSubmit<{ operations: string[] }, Role>({
    form,
    send: ({ operations }) =>
      ask(api.PATCH('/iam/v1/roles/{id}', { params: { path: { id: role.id } }, body: { operations } })),
    refreshes: [KEY],
    done: onDone,
  });
  return (
    <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
      <Stack gap="sm" mt="sm">
        <ProblemAlert error={problem} />
        <OperationsInput {...form.getInputProps('operations')} />
        <Group>
          <Button type="submit" loading={pending}>
            {t('common.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
