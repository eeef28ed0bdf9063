/** Domains set up for mail, their keys and records, and the accounts that set these, as they are rendered. */
import Type from 'typebox';
import { kindName } from '../kinds.ts';
import { closed, Id, Link, oneOf, orNull, Time, Url, Whole, Words } from '../parts.ts';
import { RECORD_TYPES } from '../values.ts';

/** There where something is to be said. */
const SomeWords = { message: Type.Optional(Words.message), message_ja: Type.Optional(Words.message_ja) };
const NextStep = closed(
  {
    code: oneOf('check_dns', 'publish_mx', 'publish_spf', 'publish_dkim', 'enable_dkim', 'add_incoming_rule'),
    ...Words,
  },
  'what is to be done until the domain sends and receives',
);
const DnsItem = closed({
  status: oneOf('ok', 'missing', 'wrong', 'error'),
  expected: Type.Array(Type.String()),
  found: Type.Array(Type.String()),
  ...SomeWords,
});
const RecordType = oneOf(...RECORD_TYPES);
const SetKey = { name: Type.String(), type: RecordType };
const Values = Type.Array(Type.String(), { description: 'in presentation form; none: there is no such set' });
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
  done: orNull(Type.Array(closed(SetKey), { description: 'what was really changed; null: not known' })),
  cause: orNull(Type.String()),
  actor: Type.String(),
  created_at: Time,
  completed_at: orNull(Time),
};

export const MtaDomain = closed({
  id: Id,
  self: Url,
  name: Type.String({ description: 'A-labels' }),
  unicode_name: Type.String({ description: 'as people read it' }),
  domain: Link,
  default_topic: Link,
  receiving: Type.Boolean(),
  mx_seen: Type.Boolean(),
  dkim_enabled: Type.Boolean({ description: 'the same as dkim.enabled' }),
  dkim: closed({
    enabled: Type.Boolean(),
    rotation_days: orNull(Type.Integer({ description: 'null: keys get no successor by themselves' })),
  }),
  limits: closed({ per_minute: orNull(Whole), per_day: orNull(Whole) }, "null: only the project's"),
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
  bits: orNull(Type.Integer({ description: 'of RSA' })),
  state: Type.Enum(['pending', 'active', 'retiring', 'retired'], {
    description:
      'pending: to be published and seen; active: signs; retiring: its record must stay; retired: it may go',
  }),
  active: Type.Boolean(),
  record: Type.Object(
    { name: Type.String(), type: oneOf('CNAME', 'TXT'), value: Type.String() },
    {
      additionalProperties: false,
      description: 'to publish; a TXT record with public_key does in any case',
    },
  ),
  public_key: Type.String({ description: 'of RFC 6376 §3.6.1' }),
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
    closed({ type: Type.Literal('TXT'), name: Type.String(), ...Words }, 'may be removed'),
  ),
  dkim_zone: orNull(
    Type.String({
      description: 'where this service publishes keys that CNAME records lead to; null: nowhere',
    }),
  ),
  last_check: orNull(closed({ checked_at: Time, mx: DnsItem, spf: DnsItem, dkim: DnsItem, dmarc: DnsItem })),
  mx_seen: Type.Boolean(),
  dkim_enabled: Type.Boolean(),
});
export const DnsAccount = closed({
  id: Id,
  self: Url,
  provider: kindName('dns_provider'),
  name: Type.String(),
  settings: Type.Object({}, { additionalProperties: Type.String(), description: 'without credentials' }),
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
    closed({ name: Type.String(), zone: orNull(Type.String()) }, 'null: in no zone of the account'),
  ),
});
export const DnsPlan = closed({
  id: Id,
  account: Link,
  zone: Type.String(),
  changes: Type.Array(closed({ purpose: Type.String(), ...SetChange, ...Words })),
  kept: Type.Array(Remark, { description: 'left as it is; nothing needs to be done' }),
  conflicts: Type.Array(Remark, { description: 'cannot be set from here' }),
  replaces_mx: Type.Array(Type.String(), { description: 'MX of others that would go away' }),
  created_at: Time,
  expires_at: Time,
});
export const DnsChange = closed(DnsChangeFields);
export const AppliedDnsChange = closed({
  ...DnsChangeFields,
  propagated: Type.Boolean({ description: "false: not yet at all of the provider's servers" }),
});
