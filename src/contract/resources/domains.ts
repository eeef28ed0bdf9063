/** The resources for MTA domains, DKIM keys, DNS records, and accounts at DNS providers. */
import Type from 'typebox';
import { kindName } from '../kinds.ts';
import { Broken, closed, Id, Link, oneOf, orNull, Time, Url, Whole, Words } from '../parts.ts';
import { RECORD_TYPES } from '../values.ts';

/** Present only if there is something to say. */
const SomeWords = { message: Type.Optional(Words.message), message_ja: Type.Optional(Words.message_ja) };
const NextStep = closed(
  {
    code: oneOf('check_dns', 'publish_mx', 'publish_spf', 'publish_dkim', 'enable_dkim', 'add_incoming_rule'),
    ...Words,
  },
  'the next step before the domain can send and receive',
);
const DnsItem = closed({
  status: oneOf('ok', 'missing', 'wrong', 'error'),
  expected: Type.Array(Type.String()),
  found: Type.Array(Type.String()),
  ...SomeWords,
});
const RecordType = oneOf(...RECORD_TYPES);
const SetKey = { name: Type.String(), type: RecordType };
const Values = Type.Array(Type.String(), {
  description: 'in presentation form; an empty list: the record set does not exist',
});
const SetChange = {
  ...SetKey,
  before: Values,
  after: Values,
  ttl: closed({ before: orNull(Whole), after: orNull(Whole) }),
};
const Remark = closed({ purpose: Type.String(), ...SetKey, found: Type.Array(Type.String()), ...Words });
const DnsChangeFields = {
  id: Id,
  kind: oneOf('apply', 'undo'),
  undoes: orNull(Id),
  account: Link,
  zone: Type.String(),
  state: oneOf('applying', 'applied', 'partial', 'failed', 'unknown'),
  changes: Type.Array(closed(SetChange)),
  done: orNull(
    Type.Array(closed(SetKey), { description: 'the record sets that were changed; null: not known' }),
  ),
  cause: orNull(Type.String()),
  actor: Type.String(),
  created_at: Time,
  completed_at: orNull(Time),
};

export const MtaDomain = closed({
  id: Id,
  self: Url,
  name: Type.String({ description: 'A-labels' }),
  unicode_name: Type.String({ description: 'in Unicode' }),
  domain: Link,
  default_topic: Link,
  receiving: Type.Boolean(),
  mx_seen: Type.Boolean(),
  dkim_enabled: Type.Boolean({ description: 'the same as dkim.enabled' }),
  dkim: closed({
    enabled: Type.Boolean(),
    rotation_days: orNull(Type.Integer({ description: 'null: the service does not rotate the keys' })),
  }),
  limits: closed(
    { per_minute: orNull(Whole), per_day: orNull(Whole) },
    "null: only the project's limits apply",
  ),
  next_step: Type.Optional(orNull(NextStep)),
  created_at: Time,
});
export const RemovedDomain = closed({
  id: Id,
  name: Type.String(),
  unicode_name: Type.String(),
  reason: oneOf('deleted', 'moved', 'lost'),
  usage: Link,
  created_at: Time,
  removed_at: Time,
});
export const DkimKey = closed({
  id: Id,
  self: Url,
  selector: Type.String(),
  algorithm: oneOf('rsa-sha256', 'ed25519-sha256'),
  bits: orNull(Type.Integer({ description: 'of an RSA key' })),
  state: Type.Enum(['pending', 'active', 'retiring', 'retired'], {
    description:
      'pending: its record is not published or not confirmed yet; active: it signs; retiring: its record must stay; retired: its record may be removed',
  }),
  active: Type.Boolean(),
  record: Type.Object(
    { name: Type.String(), type: oneOf('CNAME', 'TXT'), value: Type.String() },
    {
      additionalProperties: false,
      description: 'the record to publish; a TXT record with public_key works as well',
    },
  ),
  public_key: Type.String({ description: 'a key record as in RFC 6376 §3.6.1' }),
  seen_since: orNull(Time),
  record_may_go_at: orNull(Time),
  changed_at: Time,
  created_at: Time,
  ...Words,
});
export const DomainDns = closed({
  records: Type.Array(
    closed({
      purpose: oneOf('mx', 'spf', 'dkim', 'dmarc', 'client'),
      type: oneOf('MX', 'TXT', 'SRV', 'CNAME'),
      name: Type.String(),
      value: Type.String(),
      zone_value: Type.String(),
      required: Type.Boolean(),
      state: oneOf('ok', 'missing', 'wrong', 'unknown'),
      found: Type.Array(Type.String()),
      ...SomeWords,
    }),
  ),
  obsolete_records: Type.Array(
    closed({ type: Type.Literal('TXT'), name: Type.String(), ...Words }, 'a record that may be removed'),
  ),
  dkim_zone: orNull(
    Type.String({
      description:
        'the zone in which this service publishes the keys that CNAME records point to; null: it has no zone for keys',
    }),
  ),
  last_check: orNull(
    closed({
      checked_at: Time,
      observed_at: Type.String({
        format: 'date-time',
        description: 'when DNS gave the oldest of the answers',
      }),
      authoritative: Type.Boolean({
        description:
          'all answers came from the servers of the zones themselves; false: a DNS server in between may have repeated an older answer for its TTL',
      }),
      mx: DnsItem,
      spf: DnsItem,
      dkim: DnsItem,
      dmarc: DnsItem,
    }),
  ),
  mx_seen: Type.Boolean(),
  dkim_enabled: Type.Boolean(),
});
export const DnsAccount = closed({
  id: Id,
  self: Url,
  provider: kindName('dns_provider'),
  name: Type.String(),
  settings: Type.Object({}, { additionalProperties: Type.String(), description: 'without credentials' }),
  broken: Broken,
  created_at: Time,
});
export const DnsAccountTest = closed({
  ok: Type.Boolean(),
  error: orNull(
    closed({
      code: oneOf('credentials', 'ambiguous-zone', 'blocked-address', 'unreachable', 'refused'),
      ...Words,
    }),
  ),
  domains: Type.Array(
    closed(
      { name: Type.String(), zone: orNull(Type.String()) },
      'zone null: the domain is in no zone of the account',
    ),
  ),
});
export const DnsPlan = closed({
  id: Id,
  account: Link,
  zone: Type.String(),
  changes: Type.Array(closed({ purpose: Type.String(), ...SetChange, ...Words })),
  kept: Type.Array(Remark, { description: 'records that stay as they are' }),
  conflicts: Type.Array(Remark, { description: 'records that the service cannot set' }),
  replaces_mx: Type.Array(Type.String(), {
    description: 'MX records of other services that would be removed',
  }),
  created_at: Time,
  expires_at: Time,
});
export const DnsChange = closed(DnsChangeFields);
export const AppliedDnsChange = closed({
  ...DnsChangeFields,
  propagated: Type.Boolean({ description: "false: not all of the provider's servers have the change yet" }),
});
