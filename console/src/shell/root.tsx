/**
 * The session decides what is shown: the sign-in, the steps that are still to be set up, or the pages. If the session
 * ends later, the page stays as it is, and the sign-in lies over it.
 */
import { Center, Loader } from '@mantine/core';
import { Outlet, useLocation } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Entry } from '../session/entry.tsx';
import { useSession } from '../session/session.ts';
import { SetUp } from '../session/set-up.tsx';
import { SignIn } from '../session/sign-in.tsx';
import { ProblemAlert } from '../ui/problem.tsx';
import { Away } from './away.tsx';
import { Shell } from './shell.tsx';

export function Root() {
  return (
    <>
      <Away />
      <Gate />
    </>
  );
}

function Gate() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const { data, error, refetch } = useSession();
  if (pathname.startsWith('/link/')) return <Outlet />;
  if (data === undefined && error !== null)
    return (
      <Entry title={t('sign_in.title')}>
        <ProblemAlert error={error} retry={() => void refetch()} />
      </Entry>
    );
  switch (data?.state) {
    case undefined:
      return (
        <Center h="60vh">
          <Loader aria-label={t('common.loading')} role="status" />
        </Center>
      );
    case 'signed_out':
    case 'second_factor':
      return (
        <Entry title={t('sign_in.title')}>
          <SignIn session={data} />
        </Entry>
      );
    case 'set_up':
      return (
        <Entry title={t('set_up.title')} wide>
          <SetUp session={data} />
        </Entry>
      );
    case 'signed_in':
      return <Shell session={data} />;
  }
}
