/**
 * Translates the `detail` of a problem into the reader's language. The service's details are English sentences in fixed
 * forms. The console shows a detail that is not listed here unchanged. test/console/details.test.ts compares this list
 * with the service's code.
 */

/** The values of the named groups are inserted into the text. */
const DETAILS: readonly [form: RegExp, key: `problem.detail.${string}`][] = [
  [/^(must not be empty|is missing|is needed)$/, 'problem.detail.required'],
  [/^must have at least (?<count>\d+) characters$/, 'problem.detail.too_short'],
  [/^must have at most (?<count>\d+) characters$/, 'problem.detail.too_long'],
  [/^must name at least one( role)?$/, 'problem.detail.choose_one'],
  [/^must have at least (?<count>\d+) entries$/, 'problem.detail.too_few'],
  [/^must have at most (?<count>\d+) entries$/, 'problem.detail.too_many'],
  [/^(must not name anything twice|is given more than once)$/, 'problem.detail.twice'],
  [/^must be at least (?<least>-?\d+)$/, 'problem.detail.too_small'],
  [/^must be at most (?<most>-?\d+)$/, 'problem.detail.too_large'],
  [/^must be a whole number( or null)?$/, 'problem.detail.whole_number'],
  [/^must be (text|a number|true or false|an object|a list|null)( or .*)?$/, 'problem.detail.kind'],
  [/^(must be one of .*|must be [a-z_0-9]+|is not of a form that is allowed)$/, 'problem.detail.choice'],
  [
    /^has (characters that are not allowed|half of a surrogate pair, which is no character)$/,
    'problem.detail.characters',
  ],
  [/^is not an ISO 8601 time with a zone$/, 'problem.detail.time'],
  [/^must be an http or https URL without credentials$/, 'problem.detail.url'],
  [/^must be a URL without credentials, query and fragment$/, 'problem.detail.plain_url'],
  [/^must be https$/, 'problem.detail.https'],
  [/^must be a host name or an IP address$/, 'problem.detail.host'],
  [/^must be a port number$/, 'problem.detail.port'],
  [/^must be the name of a key$/, 'problem.detail.key_name'],
  [/^must be base64 of at least 16 octets$/, 'problem.detail.base64'],
  [/^must be text in visible ASCII$/, 'problem.detail.ascii'],
  [/^is not a known field$/, 'problem.detail.unknown_field'],
  [
    /^(is not known to this version|this version does not know the provider .* of the account)$/,
    'problem.detail.unknown_kind',
  ],
  [
    /^(must be an absolute URL ending in .*|is not an id|is not an event id|is not the id of a suspension|is not a cursor from a list|is a cursor from another list)$/,
    'problem.detail.reference',
  ],
  [/^there is no such (account|change|domain|topic|plan, or it was used)$/, 'problem.detail.gone'],
  [/^the plan was made with another account$/, 'problem.detail.other_account'],
  [/^has passed$/, 'problem.detail.passed'],
  [/^must be within the next 7 days$/, 'problem.detail.seven_days'],
  [/^must be within the next 366 days$/, 'problem.detail.one_year'],
  [/^a suspension holds mail of every state$/, 'problem.detail.every_state'],
  [
    /^(means everything, so there must be no filter beside it|names one suspension, so there must be no filter and no all beside it)$/,
    'problem.detail.everything_or_filter',
  ],
  [/^\S+ (takes no suspension|has no end)$/, 'problem.detail.not_here'],
  [
    /^(resume needs the id of a suspension, a filter, or all: true|\S+ needs a filter, or all: true for everything that waits)$/,
    'problem.detail.needs_filter',
  ],
  [/^is the older name of until$/, 'problem.detail.until_twice'],
  [/^is not a domain name$/, 'problem.detail.domain'],
  [/^is not a destination site$/, 'problem.detail.site'],
  [/^is not (an e-mail|a mail) address$/, 'problem.detail.email'],
  [/^the link has no e-mail address: enter yours$/, 'problem.detail.say_email'],
  [
    /^must be a-z 0-9 - _ \. , 1 to 64 characters, no dot first, last or twice in a row$/,
    'problem.detail.local_part',
  ],
  [/^only an account rule has one$/, 'problem.detail.account_only'],
  [/^is above the project's limit of (?<most>\d+)$/, 'problem.detail.above_project'],
  [/^is not above the limit of (?<limit>\d+)$/, 'problem.detail.not_above'],
  [/^is below the present limit of (?<limit>\d+)$/, 'problem.detail.below_present'],
  [/^there is no such limit$/, 'problem.detail.no_limit'],
  [/^per_minute or per_day is needed$/, 'problem.detail.either_limit'],
  [/^no limit would be raised: refuse the request instead$/, 'problem.detail.nothing_raised'],
  [/^must be labels of a-z, 0-9 and inner hyphens, joined by dots$/, 'problem.detail.selector'],
  [/^is needed for a key of your own$/, 'problem.detail.own_selector'],
  [/^is determined by the private key; give only one of the two$/, 'problem.detail.algorithm_told'],
  [/^a key of your own needs a selector instead$/, 'problem.detail.own_not_delegated'],
  [/^this service has no zone for keys$/, 'problem.detail.no_zone'],
  [/^the domain name is too long for a delegated key$/, 'problem.detail.domain_long'],
  [/^is not a PEM private key without passphrase$/, 'problem.detail.pem'],
  [/^must be an RSA or Ed25519 key, not (?<kind>\S+)( kind)?$/, 'problem.detail.key_kind'],
  [
    /^has (?<bits>\d+) bits; a key that signs must have (?<least>\d+) or more \(RFC 8301\)$/,
    'problem.detail.key_short',
  ],
  [/^has (?<bits>\d+) bits; the maximum is (?<most>\d+)$/, 'problem.detail.key_long'],
  [/^is a predefined role$/, 'problem.detail.predefined_role'],
  [/^is neither a role nor an operation$/, 'problem.detail.role'],
  [/^is not an operation$/, 'problem.detail.operation'],
  [/^must not hold the name of your e-mail address$/, 'problem.detail.password_name'],
  [/^is one of the commonest passwords$/, 'problem.detail.password_common'],
  [/^is the same few characters over and over$/, 'problem.detail.password_same'],
  [/^is not the current password$/, 'problem.detail.password_current'],
  [/^is not a code of your app$/, 'problem.detail.confirm_code'],
  [/^give either the password or a code$/, 'problem.detail.confirm_either'],
  [/^is not a code of the secret that was shown$/, 'problem.detail.code'],
  [/^is not an open invitation to your e-mail address$/, 'problem.detail.invitation'],
  [/^the instance has no host name to send mail from \(HIKYAKU_HOSTNAME\)$/, 'problem.detail.no_host_name'],
  [/^the id of the suspension is needed$/, 'problem.detail.required'],
  [/^(is no answer of an authenticator|no registration was begun)$/, 'problem.detail.passkey_again'],
  [/^the page was opened at another address than the public URL$/, 'problem.detail.passkey_elsewhere'],
  [/^there are (?<count>\d+) passkeys already$/, 'problem.detail.passkeys'],
  [/^the passkey is registered already$/, 'problem.detail.passkey_known'],
  // Conflicts, and other details that contain values.
  [
    /^the TXT record (?<name>\S+) does not hold (?<value>\S+); at (?<at>\S+) .* said that it holds: nothing$/,
    'problem.detail.no_record',
  ],
  [
    /^the TXT record (?<name>\S+) does not hold (?<value>\S+); at (?<at>\S+) .* said that it holds: (?<found>.+)$/,
    'problem.detail.other_record',
  ],
  [
    /^your TXT record is published, but so is .*; remove the TXT record (?<name>\S+) with (?<value>\S+), keep (?<own>\S+), and verify again$/,
    'problem.detail.held',
  ],
  [/^DNS gave no clear answer: (?<cause>.+)$/, 'problem.detail.dns_answer'],
  [/^the ownership of (?<domain>\S+) is not verified yet$/, 'problem.detail.not_proved'],
  [/^the account (?<account>.+) has no zone that contains (?<domain>\S+)$/, 'problem.detail.no_zone_of'],
  [/^a project has at most (?<count>\d+) roles$/, 'problem.detail.most_roles'],
  [/^(?<count>\d+) invitations are open; revoke some first$/, 'problem.detail.open_invitations'],
  [/^a domain has at most (?<count>\d+)( keys)?; remove one first$/, 'problem.detail.most_keys'],
  [
    /^a domain has at most (?<count>\d+) keys, including retired keys; remove one first$/,
    'problem.detail.most_retired_keys',
  ],
  [/^both names of delegated keys of this algorithm are in use: .*$/, 'problem.detail.both_names'],
  [/^the role lacks the operation (?<operation>\S+)$/, 'problem.detail.lacks'],
  [/^a topic of this project has that name already$/, 'problem.detail.topic_name'],
  [/^a rule or a domain uses the topic$/, 'problem.detail.topic_in_use'],
  [/^this project has named that domain already$/, 'problem.detail.domain_named'],
  [/^the domain is set up for mail: remove it there first$/, 'problem.detail.domain_in_use'],
  [/^another project holds the domain$/, 'problem.detail.domain_held'],
  [/^the domain is set up for mail already$/, 'problem.detail.domain_set_up'],
  [/^an API client of this project has that name already$/, 'problem.detail.client_name'],
  [/^a DNS account of this project has that name already$/, 'problem.detail.account_name'],
  [/^a role of this project has that name already$/, 'problem.detail.role_name'],
  [/^a key of this domain has that selector already$/, 'problem.detail.selector_taken'],
  [/^a request for higher limits is open already$/, 'problem.detail.request_open'],
  [/^a member has that e-mail address already$/, 'problem.detail.member_email'],
  [/^it is there already, or in use$/, 'problem.detail.there_already'],
  [/^the service failed; the id in the log is (?<id>\S+)$/, 'problem.detail.log_id'],
];

/** The key of the text and the values to insert; null if the detail is not listed. */
export function detailText(detail: string): { key: string; values: Record<string, string> } | null {
  for (const [form, key] of DETAILS) {
    const match = form.exec(detail);
    if (match !== null) return { key, values: { ...match.groups } };
  }
  return null;
}
