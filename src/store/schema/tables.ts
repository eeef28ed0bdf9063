/**
 * Control-plane tables as types for Kysely, which only compiles queries here: each engine runs them itself.
 * Booleans are 0 and 1, times are ms, JSON is text. The global directories are the unique indexes
 * `directory_*`.
 */
/** Facts about the store itself. */
export interface MetaTable {
  key: string;
  value: number;
}
export interface ProjectTable {
  id: string;
  name: string;
  sandbox: number;
  created_at: number;
  closed_at: number | null;
}
export interface ApiClientTable {
  project_id: string;
  id: string;
  name: string;
  roles: string;
  created_at: number;
}
export interface StaticKeyTable {
  project_id: string;
  id: string;
  api_client_id: string;
  expires_at: number | null;
  created_at: number;
  last_used_at: number | null;
  keyed_hash: Uint8Array;
  scram_salt: Uint8Array;
  scram_iterations: number;
  scram_stored_key: Uint8Array;
  scram_server_key: Uint8Array;
}
export interface OwnedDomainTable {
  project_id: string;
  id: string;
  name: string;
  challenge: string;
  verified_at: number | null;
  proof: string | null;
  created_at: number;
}
export interface TopicTable {
  project_id: string;
  id: string;
  name: string;
  created_at: number;
}
export interface MtaDomainTable {
  project_id: string;
  id: string;
  owned_domain_id: string;
  name: string;
  default_topic_id: string;
  receiving: number;
  mx_seen: number;
  dkim_enabled: number;
  dkim_rotation_days: number | null;
  limit_per_minute: number | null;
  limit_per_day: number | null;
  dns: string | null;
  created_at: number;
}
export interface DkimKeyTable {
  project_id: string;
  id: string;
  domain_id: string;
  selector: string;
  algorithm: 'rsa-sha256' | 'ed25519-sha256';
  public_record: string;
  sealed_private_key: Uint8Array;
  active: number;
  /** `active` says the same for older programs that do not know states. */
  state: 'pending' | 'active' | 'retiring' | 'retired';
  seen_since: number | null;
  /** NULL if such a program inserted it. */
  changed_at: number | null;
  created_at: number;
}
export interface RemovedDomainTable {
  project_id: string;
  id: string;
  name: string;
  reason: 'deleted' | 'moved' | 'lost';
  created_at: number;
  removed_at: number;
}
export interface RuleTable {
  project_id: string;
  id: string;
  family: 'incoming' | 'outgoing' | 'event';
  domain_id: string | null;
  topic_id: string;
  type: 'account' | 'all' | 'catch_all' | null;
  local_part: string | null;
  names: string | null;
  created_at: number;
}
export interface SubscriberTable {
  project_id: string;
  id: string;
  topic_id: string;
  type: string;
  settings: string;
  sealed_settings: Uint8Array;
  created_at: number;
  failing_since: number | null;
  paused_at: number | null;
  resumed_at: number | null;
}
export interface ProjectLimitsTable {
  project_id: string;
  per_minute: number;
  per_day: number;
}
export interface SendingSettingsTable {
  project_id: string;
  retry_seconds: number;
  deferred_ages: string;
  over_limit: 'reject' | 'hold';
  retention_days: number;
}
export interface UsageTable {
  project_id: string;
  domain_id: string;
  width: number;
  start: number;
  count: number;
}
/** Recipients of one domain in one minute, hour or day (`width` s). */
export interface TrafficTable {
  project_id: string;
  width: number;
  start: number;
  domain_id: string;
  /** For minutes: whose addition it is, so that nodes do not wait for each other. */
  part: number;
  accepted: number;
  delivered: number;
  deferred: number;
  bounced: number;
  expired: number;
  held: number;
  received: number;
}
export interface TrafficRolledTable {
  project_id: string;
  rolled_to: number;
}
export interface LimitAlertTable {
  project_id: string;
  domain_id: string;
  span: 'minute' | 'day';
  kind: 'approaching' | 'exceeded';
  at: number;
  used: number;
  cap: number;
  returns_at: number;
  due: number;
}
export interface LimitRequestTable {
  project_id: string;
  id: string;
  state: 'open' | 'approved' | 'approved_in_part' | 'refused' | 'cancelled';
  per_minute: number | null;
  per_day: number | null;
  reason: string;
  actor: string;
  notify: string | null;
  created_at: number;
  decided_at: number | null;
  decided_by: string | null;
  granted_per_minute: number | null;
  granted_per_day: number | null;
  note: string | null;
}
export interface TaskTable {
  project_id: string;
  id: string;
  service: 'mta' | 'edj';
  procedure: string;
  status: 'queued' | 'succeeded' | 'failed';
  result: string | null;
  error: string | null;
  created_at: number;
  completed_at: number | null;
}
export interface IdempotencyTable {
  project_id: string;
  key: string;
  request_hash: Uint8Array;
  status: number | null;
  body: string | null;
  created_at: number;
}
export interface AuthFailureTable {
  scope: string;
  at: number;
  attempt: string;
}
export interface AuthSuccessTable {
  scope: string;
  at: number;
}
export interface MemberTable {
  id: string;
  email: string;
  name: string;
  language: 'ja' | 'en';
  instance_roles: string;
  password: string | null;
  sealed_totp: Uint8Array | null;
  totp_step: number | null;
  created_at: number;
}
export interface PasskeyTable {
  member_id: string;
  id: string;
  credential_id: string;
  name: string;
  public_key: Uint8Array;
  counter: number;
  transports: string;
  created_at: number;
  last_used_at: number | null;
}
export interface RecoveryCodeTable {
  member_id: string;
  hash: Uint8Array;
}
export interface SessionTable {
  hash: string;
  id: string;
  member_id: string;
  state: 'second_factor' | 'set_up' | 'signed_in';
  created_at: number;
  last_used_at: number;
  expires_at: number;
  address: string;
  agent: string;
  challenge: string | null;
  sealed_totp: Uint8Array | null;
}
export interface SignInLinkTable {
  hash: string;
  member_id: string | null;
  created_at: number;
  expires_at: number;
}
export interface MembershipTable {
  project_id: string;
  member_id: string;
  roles: string;
  created_at: number;
}
export interface RoleTable {
  project_id: string;
  id: string;
  name: string;
  operations: string;
  created_at: number;
}
export interface InvitationTable {
  project_id: string;
  id: string;
  email: string;
  roles: string;
  hash: string;
  invited_by: string;
  created_at: number;
  expires_at: number;
}
export interface AuditEventTable {
  project_id: string;
  id: string;
  actor_kind: 'key' | 'member' | 'command' | 'unknown';
  actor_id: string | null;
  operation: string;
  target: string;
  address: string | null;
  at: number;
  fields: string;
  outcome: 'succeeded' | 'failed';
  refused: string | null;
}
export interface DnsAccountTable {
  project_id: string;
  id: string;
  provider: string;
  name: string;
  settings: string;
  sealed_settings: Uint8Array;
  created_at: number;
}
export interface DnsPlanTable {
  project_id: string;
  id: string;
  domain_id: string;
  account_id: string;
  zone: string;
  plan: string;
  created_at: number;
}
export interface DnsChangeTable {
  project_id: string;
  id: string;
  domain_id: string;
  account_id: string;
  kind: 'apply' | 'undo';
  undoes: string | null;
  zone: string;
  changes: string;
  state: 'applying' | 'applied' | 'partial' | 'failed' | 'unknown';
  done: string | null;
  cause: string | null;
  revert: string | null;
  actor: string;
  created_at: number;
  completed_at: number | null;
}
export interface Tables {
  meta: MetaTable;
  project: ProjectTable;
  api_client: ApiClientTable;
  static_key: StaticKeyTable;
  owned_domain: OwnedDomainTable;
  topic: TopicTable;
  mta_domain: MtaDomainTable;
  dkim_key: DkimKeyTable;
  removed_domain: RemovedDomainTable;
  rule: RuleTable;
  subscriber: SubscriberTable;
  project_limits: ProjectLimitsTable;
  sending_settings: SendingSettingsTable;
  usage: UsageTable;
  traffic: TrafficTable;
  traffic_rolled: TrafficRolledTable;
  limit_alert: LimitAlertTable;
  limit_request: LimitRequestTable;
  task: TaskTable;
  idempotency: IdempotencyTable;
  auth_failure: AuthFailureTable;
  auth_success: AuthSuccessTable;
  member: MemberTable;
  passkey: PasskeyTable;
  recovery_code: RecoveryCodeTable;
  session: SessionTable;
  sign_in_link: SignInLinkTable;
  membership: MembershipTable;
  role: RoleTable;
  invitation: InvitationTable;
  audit_event: AuditEventTable;
  dns_account: DnsAccountTable;
  dns_plan: DnsPlanTable;
  dns_change: DnsChangeTable;
}
