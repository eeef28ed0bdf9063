/** The frame around the pages: header (project, language, account), menu, and the sign-in over an ended session. */
import { AppShell, Burger, Group, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Outlet, useLocation } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { connection, useConnection } from '../session/connection.ts';
import { isOperator, type SignedIn } from '../session/session.ts';
import { SignIn } from '../session/sign-in.tsx';
import { LanguageSwitch } from '../ui/language-switch.tsx';
import { TextLink } from '../ui/link.tsx';
import { AccountMenu } from './account-menu.tsx';
import { Menu } from './menu.tsx';
import { OwnRecordsAlert } from './own-records.tsx';
import { ProjectSwitch } from './project-switch.tsx';
import { RetentionAlert } from './retention.tsx';
import { NoProject } from './states.tsx';

/** Pages that need no project. */
const OWN_PAGES: ReadonlySet<string> = new Set(['/account', '/requests']);

export function Shell({ session }: { readonly session: SignedIn }) {
  const { t } = useTranslation();
  const [opened, { toggle, close }] = useDisclosure(false);
  const { pathname } = useLocation();
  const { projectId, expired } = useConnection();
  const { projects } = session;
  const chosen = projects.find(({ id }) => id === projectId) ?? projects[0];
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when another page is shown
  useEffect(close, [pathname]);
  useEffect(() => connection.set({ projectId: chosen?.id ?? null }), [chosen?.id]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 240, breakpoint: 'md', collapsed: { mobile: !opened } }}
      padding="md"
    >
      <AppShell.Header>
        <Group h="100%" px="md" gap="sm" wrap="nowrap" justify="space-between">
          <Group gap="sm" wrap="nowrap" className="brand">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="md"
              size="sm"
              aria-label={opened ? t('shell.close_menu') : t('shell.open_menu')}
              aria-expanded={opened}
            />
            <a className="skip" href="#main">
              {t('shell.skip')}
            </a>
            <TextLink to="/" underline="never" c="inherit" visibleFrom="xs">
              <Text fw={700}>{t('shell.name')}</Text>
            </TextLink>
            <ProjectSwitch projects={projects} chosen={chosen} member={session.member} />
          </Group>
          <Group gap="xs" wrap="nowrap">
            <LanguageSwitch />
            <AccountMenu member={session.member} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" component="nav" aria-label={t('shell.menu')}>
        <Menu session={session} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        {isOperator(session.member) && <RetentionAlert />}
        {isOperator(session.member) && <OwnRecordsAlert />}
        {chosen === undefined && !OWN_PAGES.has(pathname) ? (
          <NoProject />
        ) : (
          projectId === (chosen?.id ?? null) && <Outlet key={projectId} />
        )}
      </AppShell.Main>
      <Modal
        opened={expired}
        onClose={() => {}}
        withCloseButton={false}
        closeOnEscape={false}
        closeOnClickOutside={false}
        title={t('sign_in.ended')}
        centered
      >
        <Text size="sm" mb="md">
          {t('sign_in.ended_text')}
        </Text>
        {expired && <SignIn session={{ state: 'signed_out' }} email={session.member.email} />}
      </Modal>
    </AppShell>
  );
}
