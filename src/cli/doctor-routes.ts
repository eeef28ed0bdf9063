/** What `hikyaku doctor` says of the routes in HIKYAKU_ROUTES. */
import type { Config } from '../config/config.ts';
import { type Finding, ok, warning } from './finding.ts';

export function checkRoutes({ routes }: Pick<Config, 'routes'>): Finding[] {
  const unverified = routes.filter(({ target }) => target.verify === false);
  if (routes.length > 0 && unverified.length === 0)
    return [ok('routes', `${routes.length}; those of smtps:// and smtp+starttls:// verify the certificate`)];
  return unverified.map(({ pattern, target: { host, port } }) =>
    warning(
      'routes',
      `mail for ${pattern} goes to ${host}:${port}, whose certificate is not verified (?verify=no): whoever stands between can read and change it; better let NODE_EXTRA_CA_CERTS name the authority of its certificate`,
    ),
  );
}
