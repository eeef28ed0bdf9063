/** What is taken or in use, in words: the store's names of its constraints never reach a caller. */
const WORDS: Readonly<Record<string, string>> = {
  'topic.name': 'a topic of this project has that name already',
  'topic.in_use': 'a rule or a domain uses the topic',
  'owned_domain.name': 'this project has named that domain already',
  'owned_domain.in_use': 'the domain is set up for mail: remove it there first',
  'owned_domain.verified': 'another project holds the domain',
  'mta_domain.name': 'the domain is set up for mail already',
  'api_client.name': 'an API client of this project has that name already',
  'dns_account.name': 'a DNS account of this project has that name already',
  'role.name': 'a role of this project has that name already',
  'dkim_key.selector': 'a key of this domain has that selector already',
  'limit_request.open': 'a request for higher limits is open already',
  'member.email': 'a member has that e-mail address already',
  'passkey.credential_id': 'the passkey is registered already',
};
/** `what`: as ConflictError names it. */
export function conflictWords(what: string): string {
  return WORDS[what] ?? 'it is there already, or in use';
}
