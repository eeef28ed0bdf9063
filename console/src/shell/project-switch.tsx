/** Shows the current project; for choosing another project and for making one. */
import { Button, Group, Menu, Modal, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.ts';
import type { Project } from '../api/resources.ts';
import { connection } from '../session/connection.ts';
import { isOperator, type Me, type OwnProject, useRereadSession } from '../session/session.ts';
import { ProblemAlert } from '../ui/problem.tsx';
import { useSubmit } from '../ui/use-submit.ts';

interface ProjectSwitchProps {
  readonly projects: readonly OwnProject[];
  readonly chosen: OwnProject | undefined;
  readonly member: Me;
}
export function ProjectSwitch({ projects, chosen, member }: ProjectSwitchProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const reread = useRereadSession();
  const [opened, { open, close }] = useDisclosure(false);
  const form = useForm({
    initialValues: { name: '' },
    validate: { name: (name) => (name.trim() === '' ? t('form.required') : null) },
  });
  const show = (id: string) => {
    connection.set({ projectId: id });
    void navigate({ to: '/' });
  };
  const { submit, pending, problem } = useSubmit<{ name: string }, Project>({
    form,
    send: ({ name }, headers) => ask(api.POST('/iam/v1/projects', { body: { name: name.trim() }, headers })),
    async done({ id }) {
      await reread();
      form.reset();
      close();
      show(id);
    },
  });
  return (
    <>
      <Menu withinPortal position="bottom-start">
        <Menu.Target>
          <Button variant="default" size="compact-md" className="project-name">
            {chosen === undefined ? t('project.none') : chosen.name}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t('project.choose')}</Menu.Label>
          {projects.map(({ id, name }) => (
            <Menu.Item key={id} onClick={() => show(id)} fw={id === chosen?.id ? 700 : 400}>
              {name}
            </Menu.Item>
          ))}
          {isOperator(member) && (
            <>
              <Menu.Divider />
              <Menu.Item onClick={open}>{t('project.new')}</Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      <Modal opened={opened} onClose={close} title={t('project.new')} centered>
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <Stack gap="sm">
            <ProblemAlert error={problem} />
            <TextInput
              label={t('project.name')}
              description={t('project.name_help')}
              data-autofocus
              {...form.getInputProps('name')}
            />
            <Group justify="flex-end">
              <Button variant="default" onClick={close}>
                {t('common.cancel')}
              </Button>
              <Button type="submit" loading={pending}>
                {t('common.create')}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  );
}
