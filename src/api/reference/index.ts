/** All operations the reference knows, of the three services. */
import { accessReference } from './access.ts';
import { edjReference } from './edj.ts';
import { iamReference } from './iam.ts';
import { mtaDnsReference } from './mta-dns.ts';
import { mtaDomainReference } from './mta-domains.ts';
import { mtaLimitReference } from './mta-limits.ts';
import { mtaMailReference } from './mta-mail.ts';
import { peopleReference } from './people.ts';
import type { Reference } from './reference.ts';

export const REFERENCE: Reference = {
  ...iamReference,
  ...accessReference,
  ...peopleReference,
  ...mtaDomainReference,
  ...mtaDnsReference,
  ...mtaLimitReference,
  ...mtaMailReference,
  ...edjReference,
};
