/** The members of the project and their roles; for inviting people, and for removing an invitation or a membership. */
import { Badge, Button, Card, Group, MultiSelect, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { NewInvitation, ProjectMember } from '../../api/resources.ts';
import { showTime } from '../../i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { SecretOnce } from '../../ui/copy.tsx';
import { ListView, Page, Section } from '../../ui/page.tsx';
import { ProblemAlert } from '../../ui/problem.tsx';
import { useRoleNames } from '../../ui/roles.ts';
import { useSubmit } from '../../ui/use-submit.ts';

export function MembersPage() {
  const { t } = useTranslation();
  const list = useList(['members'], (cursor, signal) =>
    ask(api.GET('/iam/v1/members', { params: { query: { cursor } }, signal })),
  );
  return (
    <Page title={t('members.title')} intro={t('members.intro')}>
      <Invite />
      <Section title={t('members.title')}>
        <ListView list={list} empty={t('members.empty')}>
          {(members) => members.map((member) => <MemberCard key={member.id} member={member} />)}
        </ListView>
      </Section>
      <Invitations />
    </Page>
  );
}

function MemberCard({ member: { id, email, name, roles } }: { readonly member: ProjectMember }) {
  const { t } = useTranslation();
  const [changing, setChanging] = useState(false);
  const names = useRoleNames();
  const form = useForm({ initialValues: { roles: [...roles] } });
  const { submit, pending, problem } = useSubmit<{ roles: string[] }, ProjectMember>({
    form,
    send: (body) => ask(api.PATCH('/iam/v1/members/{id}', { params: { path: { id } }, body })),
    refreshes: [['members']],
    done: () => setChanging(false),
  });
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between" align="flex-start">
        <div className="page-heading">
          <Text fw={600}>{name}</Text>
          <Text size="sm" className="wrap">
            {email}
          </Text>
          <Group gap={4} mt={4}>
            {roles.map((role) => (
              <Badge key={role} variant="light">
                {role}
              </Badge>
            ))}
          </Group>
        </div>
        <Group gap="xs">
          <Button
            size="compact-sm"
            variant="default"
            aria-expanded={changing}
            aria-label={t('common.action_on', { label: t('members.roles'), subject: email })}
            onClick={() => setChanging(!changing)}
          >
            {t('members.roles')}
          </Button>
          <Confirm
            label={t('members.remove')}
            subject={email}
            text={t('members.remove_text')}
            act={() => ask(api.DELETE('/iam/v1/members/{id}', { params: { path: { id } } }))}
            refreshes={[['members']]}
          />
        </Group>
      </Group>
      {changing && (
        <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
          <Stack gap="sm" mt="sm">
            <ProblemAlert error={problem} />
            <MultiSelect label={t('members.roles')} data={names} {...form.getInputProps('roles')} />
            <Group>
              <Button type="submit" loading={pending}>
                {t('common.save')}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Card>
  );
}

interface Values {
  readonly email: string;
  readonly roles: string[];
}
function Invite() {
  const { t } = useTranslation();
  const [made, setMade] = useState<NewInvitation | null>(null);
  const names = useRoleNames();
  const form = useForm<Values>({
    initialValues: { email: '', roles: [] },
    validate: {
      email: (text) => (text.includes('@') ? null : t('form.email')),
      roles: (chosen) => (chosen.length === 0 ? t('form.required') : null),
    },
  });
  const { submit, pending, problem } = useSubmit<Values, NewInvitation>({
    form,
    send: ({ email, roles }, headers) =>
      ask(api.POST('/iam/v1/invitations', { body: { email: email.trim(), roles }, headers })),
    refreshes: [['invitations']],
    done(invitation) {
      setMade(invitation);
      form.reset();
    },
  });
  return (
    <Section title={t('members.invite')} intro={t('members.invite_intro')}>
      <form onSubmit={form.onSubmit((values) => submit(values))} noValidate>
        <Stack gap="sm">
          <ProblemAlert error={problem} />
          {made?.mailed === true && <Text size="sm">{t('members.mailed', { email: made.email })}</Text>}
          {made?.sign_in_url && (
            <SecretOnce
              title={t('members.link')}
              values={[{ label: made.email, value: made.sign_in_url }]}
              onClose={() => setMade(null)}
            />
          )}
          <TextInput label={t('account.email')} type="email" {...form.getInputProps('email')} />
          <MultiSelect label={t('members.roles')} data={names} {...form.getInputProps('roles')} />
          <Group>
            <Button type="submit" loading={pending}>
              {t('members.invite_button')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}

function Invitations() {
  const { t } = useTranslation();
  const list = useList(['invitations'], (cursor, signal) =>
    ask(api.GET('/iam/v1/invitations', { params: { query: { cursor } }, signal })),
  );
  return (
    <Section title={t('members.invitations')}>
      <ListView list={list} empty={t('members.no_invitations')}>
        {(invitations) =>
          invitations.map(({ id, email, roles, expires_at }) => (
            <Group key={id} justify="space-between">
              <div className="page-heading">
                <Text className="wrap">{email}</Text>
                <Text size="sm" c="dimmed">
                  {t('members.invited', {
                    roles: roles.join(t('common.list_separator')),
                    at: showTime(expires_at),
                  })}
                </Text>
              </div>
              <Confirm
                label={t('members.revoke')}
                subject={email}
                text={t('members.revoke_text')}
                act={() => ask(api.DELETE('/iam/v1/invitations/{id}', { params: { path: { id } } }))}
                refreshes={[['invitations']]}
              />
            </Group>
          ))
        }
      </ListView>
    </Section>
  );
}
