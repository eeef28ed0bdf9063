/** All operations of the three services. */
import type { OperationSpec } from '../operation.ts';
import * as access from './access.ts';
import * as edj from './edj.ts';
import * as iam from './iam.ts';
import * as mtaDns from './mta-dns.ts';
import * as mtaDomains from './mta-domains.ts';
import * as mtaLimits from './mta-limits.ts';
import * as mtaMail from './mta-mail.ts';
import * as people from './people.ts';

const ALL = {
  ...mtaDomains,
  ...mtaDns,
  ...mtaMail,
  ...mtaLimits,
  ...edj,
  ...iam,
  ...access,
  ...people,
};
export type Operation = Extract<(typeof ALL)[keyof typeof ALL], OperationSpec>;
/** In the order of the OpenAPI documents. */
export const OPERATIONS: readonly OperationSpec[] = Object.values(ALL).filter(
  (one): one is Operation => 'path' in one,
);
