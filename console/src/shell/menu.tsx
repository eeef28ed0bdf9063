/** The menu: the pages of the project, and those for operators. */
import { ScrollArea } from '@mantine/core';
import { useLocation } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { isOperator, type SignedIn } from '../session/session.ts';
import { MenuLink } from '../ui/link.tsx';

const PAGES = [
  ['/', 'home.title'],
  ['/domains', 'domains.title'],
  ['/dns-accounts', 'dns_accounts.title'],
  ['/queue', 'queue.title'],
  ['/topics', 'topics.title'],
  ['/api-clients', 'clients.title'],
  ['/roles', 'roles.title'],
  ['/members', 'members.title'],
  ['/audit', 'audit.title'],
  ['/project', 'project.title'],
] as const;

export function Menu({ session }: { readonly session: SignedIn }) {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const isHere = (to: string) => (to === '/' ? pathname === '/' : pathname.startsWith(to));
  const pages = isOperator(session.member) ? [...PAGES, ['/requests', 'requests.title'] as const] : PAGES;
  return (
    <ScrollArea>
      {pages.map(([to, label]) => (
        <MenuLink
          key={to}
          to={to}
          label={t(label)}
          active={isHere(to)}
          aria-current={isHere(to) ? 'page' : undefined}
        />
      ))}
    </ScrollArea>
  );
}
