/** Shows who is signed in, with links to the own account and to signing out. */
import { Button, Menu } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Me } from '../session/session.ts';
import { useSignOut } from '../session/session.ts';

export function AccountMenu({ member }: { readonly member: Me }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const signOut = useSignOut();
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button variant="default" size="compact-md" className="account">
          {t('account.short')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label className="wrap">{member.email}</Menu.Label>
        <Menu.Item onClick={() => void navigate({ to: '/account' })}>{t('account.title')}</Menu.Item>
        <Menu.Item component="a" href="/docs" target="_blank">
          {t('shell.docs')}
        </Menu.Item>
        <Menu.Item onClick={() => void signOut()}>{t('sign_in.out')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
