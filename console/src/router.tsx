/** The routes, behind the hash, so `/#/link/<token>` reaches no server. All pages but the first load when shown. */
import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router';
import { LinkPage } from './session/link-page.tsx';
import { Root } from './shell/root.tsx';
import { NotFound, PageFailed } from './shell/states.tsx';

interface TabSearch {
  readonly tab?: string;
}
const withTab = (search: Record<string, unknown>): TabSearch =>
  typeof search['tab'] === 'string' ? { tab: search['tab'] } : {};

const root = createRootRoute({ component: Root, notFoundComponent: NotFound, errorComponent: PageFailed });
const under = { getParentRoute: () => root };
const routes = root.addChildren([
  createRoute({ ...under, path: '/link/$token', component: LinkPage }),
  createRoute({
    ...under,
    path: '/',
    component: lazyRouteComponent(() => import('./pages/home/home-page.tsx'), 'HomePage'),
  }),
  createRoute({
    ...under,
    path: '/domains',
    component: lazyRouteComponent(() => import('./pages/domains/domains-page.tsx'), 'DomainsPage'),
  }),
  createRoute({
    ...under,
    path: '/domains/$id',
    validateSearch: withTab,
    component: lazyRouteComponent(() => import('./pages/domains/domain-page.tsx'), 'DomainPage'),
  }),
  createRoute({
    ...under,
    path: '/dns-accounts',
    component: lazyRouteComponent(
      () => import('./pages/dns-accounts/dns-accounts-page.tsx'),
      'DnsAccountsPage',
    ),
  }),
  createRoute({
    ...under,
    path: '/queue',
    component: lazyRouteComponent(() => import('./pages/queue/queue-page.tsx'), 'QueuePage'),
  }),
  createRoute({
    ...under,
    path: '/topics',
    component: lazyRouteComponent(() => import('./pages/topics/topics-page.tsx'), 'TopicsPage'),
  }),
  createRoute({
    ...under,
    path: '/topics/$id',
    validateSearch: withTab,
    component: lazyRouteComponent(() => import('./pages/topics/topic-page.tsx'), 'TopicPage'),
  }),
  createRoute({
    ...under,
    path: '/api-clients',
    component: lazyRouteComponent(() => import('./pages/clients/clients-page.tsx'), 'ClientsPage'),
  }),
  createRoute({
    ...under,
    path: '/api-clients/$id',
    component: lazyRouteComponent(() => import('./pages/clients/client-page.tsx'), 'ClientPage'),
  }),
  createRoute({
    ...under,
    path: '/roles',
    component: lazyRouteComponent(() => import('./pages/people/roles-page.tsx'), 'RolesPage'),
  }),
  createRoute({
    ...under,
    path: '/members',
    component: lazyRouteComponent(() => import('./pages/people/members-page.tsx'), 'MembersPage'),
  }),
  createRoute({
    ...under,
    path: '/audit',
    component: lazyRouteComponent(() => import('./pages/people/audit-page.tsx'), 'AuditPage'),
  }),
  createRoute({
    ...under,
    path: '/project',
    component: lazyRouteComponent(() => import('./pages/project/project-page.tsx'), 'ProjectPage'),
  }),
  createRoute({
    ...under,
    path: '/account',
    component: lazyRouteComponent(() => import('./pages/account/account-page.tsx'), 'AccountPage'),
  }),
  createRoute({
    ...under,
    path: '/requests',
    component: lazyRouteComponent(() => import('./pages/requests/requests-page.tsx'), 'RequestsPage'),
  }),
]);

export function createConsoleRouter() {
  return createRouter({ routeTree: routes, history: createHashHistory(), defaultPendingMinMs: 0 });
}
declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
