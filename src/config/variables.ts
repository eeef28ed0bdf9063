/** Every environment variable there is: name, default as shown to people, meaning. The README's table is tested against it. */
export const VARIABLES = {
  HIKYAKU_STORE: [
    'sqlite:./data',
    'where everything durable lives: `sqlite:<directory>`, or `postgres://user:password@host/database` for many nodes',
  ],
  HIKYAKU_HOSTNAME: ["the machine's name", 'greeting, EHLO, Received'],
  HIKYAKU_SUBMISSION_HOST: ['the host name', 'the one sending host customers are told'],
  HIKYAKU_MX_HOSTS: ['the host name', 'the receiving hosts customers are told, comma-separated'],
  HIKYAKU_SPF_INCLUDE: ['`_spf.` + the host name', 'the name customers include in their SPF record'],
  HIKYAKU_DKIM_ZONE: [
    'none',
    "a zone delegated to this service, such as `dkim.` + the host name: it publishes domains' DKIM keys there, customers lead to them with CNAME records",
  ],
  HIKYAKU_DNS_LISTEN: [
    '127.0.0.1:2553',
    'where that zone is served, UDP and TCP (production: port 53); comma-separated for several',
  ],
  HIKYAKU_PUBLIC_URL: ['http://127.0.0.1:8025', 'prefix of `self` URLs'],
  HIKYAKU_HTTP_LISTEN: ['127.0.0.1:8025', 'API; TLS when a certificate is set'],
  HIKYAKU_TRUSTED_PROXIES: [
    'none',
    'addresses or CIDR networks: they terminate TLS for HTTP, else plain HTTP beyond loopback is refused; their SMTP begins with a PROXY header (v1, v2)',
  ],
  HIKYAKU_DATA_DIR: ['./data', 'local files: the secret key, the self-signed certificate'],
  HIKYAKU_NODE: ['the host name', "this node's name"],
  HIKYAKU_MX_LISTEN: [
    '127.0.0.1:2525',
    'mail from the Internet (production: port 25); also takes AUTH after STARTTLS',
  ],
  HIKYAKU_MX_GREETING_DELAY: [
    '0',
    'seconds, up to 30, for which the MX listener holds its greeting back; who speaks meanwhile is turned away',
  ],
  HIKYAKU_MX_MESSAGES_PER_MINUTE: [
    '0',
    'messages without AUTH the MX listener takes from one IPv4 address or IPv6 /64 in 60 s; 0 = no limit',
  ],
  HIKYAKU_MX_RECIPIENTS_PER_MINUTE: ['0', 'the same for recipients; 0 = no limit'],
  HIKYAKU_SUBMISSION_LISTEN: ['127.0.0.1:2587', 'submission with STARTTLS (production: port 587)'],
  HIKYAKU_SUBMISSIONS_LISTEN: ['127.0.0.1:2465', 'submission with implicit TLS (production: port 465)'],
  HIKYAKU_TLS_CERT: ['self-signed, made at first start', 'PEM file, re-read when it changes'],
  HIKYAKU_TLS_KEY: ['self-signed, made at first start', 'PEM file, re-read when it changes'],
  HIKYAKU_TLS_MIN_VERSION: ['TLSv1.2', 'for submission and HTTP: `TLSv1`, `TLSv1.1`, `TLSv1.2` or `TLSv1.3`'],
  HIKYAKU_MX_TLS_MIN_VERSION: ['TLSv1', "for the MX listener, where an old peer's TLS beats plain text"],
  HIKYAKU_SECRET_KEY: [
    'made at first start in the data directory',
    'encrypts DKIM keys and hook secrets at rest: 32 octets, base64 or hex',
  ],
  HIKYAKU_DNS_SERVERS: ["the system's", 'comma-separated `ip:port`'],
  HIKYAKU_ROUTES: [
    'none',
    'comma-separated `pattern=url`, first match wins; `smtp://host:port`, `smtp+starttls://user:pass@host:port`, `smtps://user:pass@host:port`',
  ],
  HIKYAKU_SITE_CONNECTIONS: [
    '20',
    'connections at once to one destination site; `pattern=n` for some sites before the number for all others: `*.example.com=50,20`',
  ],
  HIKYAKU_TRUSTED_NETWORKS: [
    'none',
    'comma-separated `cidr=api_client_id` inside 127.0.0.0/8 and ::1: the submission port takes mail from there without TLS and AUTH, as that API client',
  ],
  HIKYAKU_LIMIT_PER_MINUTE: ['300', 'recipients a project may send to in 60 s; 0 = no limit'],
  HIKYAKU_LIMIT_PER_DAY: ['50000', 'recipients a project may send to in 24 h; 0 = no limit'],
  HIKYAKU_ALLOW_PRIVATE_TARGETS: ['false', 'permits hooks and MX hosts on private and loopback addresses'],
  HIKYAKU_API_URL: [
    'http://127.0.0.1:8025',
    'for `api`, `message`, `listen` and `key`: the service they talk to',
  ],
  HIKYAKU_API_KEY_ID: ['none', 'for the same commands: the static key'],
  HIKYAKU_API_KEY_SECRET: ['none', 'for the same commands: its secret'],
  HIKYAKU_LOG_LEVEL: ['info', '`debug`, `info`, `warn`, `error` or `silent`; JSON lines on stdout'],
} as const satisfies Record<string, readonly [fallback: string, meaning: string]>;

export type VariableName = keyof typeof VARIABLES;
