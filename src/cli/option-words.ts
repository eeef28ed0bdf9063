/**
 * What `hikyaku help COMMAND` says about each word of a command's usage line: its options and actions. A test compares
 * the words with the usage lines.
 */
type Words = Readonly<Record<string, string>>;

const JSON_OUTPUT: Words = { '--json': 'print one JSON value' };
const ACCESS: Words = {
  '--url': 'the URL of the service (HIKYAKU_API_URL)',
  '--key-id': 'the id of the static key (HIKYAKU_API_KEY_ID)',
  '--key-secret': 'its secret (HIKYAKU_API_KEY_SECRET; an option is visible to others on the machine)',
};
export const OPTION_WORDS: Readonly<Record<string, Words>> = {
  bootstrap: {
    '--domain': 'the domain that the project sends and receives with',
    '--verified': 'take the domain as proved, without the TXT record',
    '--project': 'name or id of the project; a new project gets the name; default: the name of the domain',
    '--role': "the key's role; default: admin",
    '--email': 'also make this person an owner, and print a one-time sign-in link',
    '--operator':
      'the person with --email becomes an operator of the instance; without --domain, nothing else is made',
    ...JSON_OUTPUT,
  },
  member: {
    reset: 'end all sessions of the member and print a one-time link to set a new password',
    '--second-factor': 'also remove one-time codes, passkeys and recovery codes',
    ...JSON_OUTPUT,
  },
  'secret-key': {
    check: 'tell whether the secret key is the key of the store',
    replace: 'make new secrets where a lost key has sealed the old ones',
    '--yes': 'do not ask',
    ...JSON_OUTPUT,
  },
  doctor: JSON_OUTPUT,
  zone: { '--address': 'an address of this host, instead of those found; repeatable', ...JSON_OUTPUT },
  queue: {
    list: 'the waiting mail by project and destination site, and the suspensions in force; the default',
    show: 'the waiting recipients, each with its reason',
    retry: 'try again now; without a filter: all that waits',
    cancel: 'end the waiting mail without telling its senders',
    bounce: 'end the waiting mail as refused; its senders get a notification',
    suspend:
      'hold the waiting mail and new mail of the same kind; needs a filter or --all, like cancel and bounce',
    resume: 'end suspensions: one by --id, those that concern only mail of the filter, or --all',
    suspensions: 'the active suspensions: what they hold and when they end',
    log: 'what was changed by hand, and by whom',
    '--project': 'filter: name or id of a project',
    '--site': 'filter: destination site, as the list shows it',
    '--domain': "filter: the recipients' domain; no pattern",
    '--sender': "filter: the whole envelope sender, no pattern; '<>' for the empty one",
    '--older-than': 'filter: accepted longer ago than 30s, 90m, 2h or 3d',
    '--state':
      'filter: queued, deferred or held; not for suspend and resume, which concern mail of every state',
    '--all': 'everything that waits, of all projects; not together with a filter',
    '--dry-run': 'only count',
    '--reason': 'for people: in the events, the notification and the log',
    '--for': 'suspend: how long; default: 1d, at most 366d',
    '--until': 'suspend: the time at which it ends, such as 2026-12-24T18:00:00+09:00',
    '--until-resumed': 'suspend: until somebody resumes it',
    '--id': 'resume: the id of a suspension',
    '--yes': 'do not ask; without a terminal nothing is asked',
    '--limit': 'the most items that are shown; default: 50',
    '--cursor': 'where to continue a list, as its last line says',
    ...JSON_OUTPUT,
  },
  message: { ...JSON_OUTPUT, ...ACCESS },
  listen: {
    '--forward': 'the hook on this machine that gets the events',
    '--topic': 'only this topic; default: all topics of the project',
    '--secret': 'signs the events; default: a new one, which is printed',
    '--inline': 'add the contents of the attachments to the events',
    '--count': 'end after so many events',
    ...JSON_OUTPUT,
    ...ACCESS,
  },
  key: {
    create: 'create a key and print its secret, once',
    list: 'list the keys',
    delete: 'delete the key with this id',
    '--client': 'id of the API client; default: the one whose key is used',
    '--expires-at': 'create: when the key ends; default: never',
    ...JSON_OUTPUT,
    ...ACCESS,
  },
  api: {
    ...ACCESS,
    '--list': 'list the operations',
    '--FIELD': 'a field of the query or of the body, by its name',
    '--json': 'the whole body',
    '--help': 'after an operation: explain its fields',
  },
  backup: {
    '--with-secret-key': 'include the secret key; without it, keep the key apart: a backup needs it',
    ...JSON_OUTPUT,
  },
  restore: {
    '--force': 'replace a store that exists',
    '--other-key':
      "go on although the secret key here is not the backup's; a key that the backup contains replaces it, and the old file is renamed",
    ...JSON_OUTPUT,
  },
  export: JSON_OUTPUT,
  import: JSON_OUTPUT,
  migrate: JSON_OUTPUT,
  sink: {
    '--listen': 'where the SMTP server listens; default: 127.0.0.1:2526',
    '--http': 'where the hook and the record are; default: 127.0.0.1:8026',
    '--fail':
      'refuse recipients that match the pattern with this code, such as *@example.net=451; repeatable',
  },
};
