/**
 * Every environment variable there is, with its default as people are told it and what it means. `npm run tables` writes the
 * tables of both READMEs from here; the docs check compares them.
 */
interface Text {
  readonly en: string;
  readonly ja: string;
}
export interface Variable {
  /** What holds where it is not set. */
  readonly otherwise: Text;
  readonly meaning: Text;
}

export const VARIABLES = {
  HIKYAKU_STORE: {
    otherwise: { en: 'sqlite:./data', ja: 'sqlite:./data' },
    meaning: {
      en: 'the store of all durable data: `sqlite:<directory>`, or `postgres://user:password@host/database` for several nodes',
      ja: '永続するデータすべての置き場所。`sqlite:<ディレクトリ>`、または複数ノード用の `postgres://user:password@host/database`',
    },
  },
  HIKYAKU_HOSTNAME: {
    otherwise: { en: "the machine's name", ja: '機械の名前' },
    meaning: {
      en: 'the name of this host in the SMTP greeting, EHLO and Received',
      ja: '挨拶、EHLO、`Received` に使う名前',
    },
  },
  HIKYAKU_SUBMISSION_HOST: {
    otherwise: { en: 'the host name', ja: 'ホスト名' },
    meaning: {
      en: 'the submission host that customers see',
      ja: '利用者に案内する送信ホスト（1 つ）',
    },
  },
  HIKYAKU_MX_HOSTS: {
    otherwise: { en: 'the host name', ja: 'ホスト名' },
    meaning: {
      en: 'the MX hosts that customers see, comma-separated',
      ja: '利用者に案内する受信ホスト。コンマ区切り',
    },
  },
  HIKYAKU_SUBMISSION_PORT: {
    otherwise: { en: 'the port of the first listener', ja: '最初の待ち受けポート' },
    meaning: {
      en: 'the port with STARTTLS that customers see, if something in front of the service forwards it',
      ja: '利用者に案内する STARTTLS のポート。前段の機器がポートを転送する場合に設定します',
    },
  },
  HIKYAKU_SUBMISSIONS_PORT: {
    otherwise: { en: 'the port of the first listener', ja: '最初の待ち受けポート' },
    meaning: {
      en: 'the port with implicit TLS that customers see, if something in front of the service forwards it',
      ja: '利用者に案内する TLS 直結のポート。前段の機器がポートを転送する場合に設定します',
    },
  },
  HIKYAKU_SPF_INCLUDE: {
    otherwise: { en: '`_spf.` + the host name', ja: '`_spf.` + ホスト名' },
    meaning: {
      en: 'the name that customers include in their SPF record',
      ja: '利用者が SPF レコードに include する名前',
    },
  },
  HIKYAKU_DKIM_ZONE: {
    otherwise: { en: 'none', ja: 'なし' },
    meaning: {
      en: "a zone delegated to this service, such as `dkim.` + the host name: the service publishes domains' DKIM keys in it, and customers point to them with CNAME records",
      ja: 'このサービスに委任したゾーン。例: `dkim.` + ホスト名。サービスはここでドメインの DKIM 鍵を公開し、利用者は CNAME レコードで参照します',
    },
  },
  HIKYAKU_DNS_LISTEN: {
    otherwise: { en: '127.0.0.1:2553', ja: '127.0.0.1:2553' },
    meaning: {
      en: 'addresses of the DNS server for that zone, UDP and TCP (production: port 53), comma-separated',
      ja: 'そのゾーンの待ち受けアドレス。UDP と TCP（本番は 53 番ポート）。コンマ区切りで複数指定できます',
    },
  },
  HIKYAKU_PUBLIC_URL: {
    otherwise: {
      en: 'follows `HIKYAKU_HTTP_LISTEN`: http://localhost:8025',
      ja: '`HIKYAKU_HTTP_LISTEN` に合わせます: http://localhost:8025',
    },
    meaning: {
      en: 'the URL of the service for people and API clients; every `self` URL and every one-time link begins with it',
      ja: '利用者と API クライアントから見たサービスの URL。`self` の URL は、すべてこれで始まります',
    },
  },
  HIKYAKU_HTTP_LISTEN: {
    otherwise: { en: '127.0.0.1:8025', ja: '127.0.0.1:8025' },
    meaning: {
      en: 'address of the console and the API; with TLS if a certificate is set and there are no trusted proxies',
      ja: 'コンソールと API の待ち受けアドレス。証明書を設定し、信頼するプロキシを設定しないときは TLS になります',
    },
  },
  HIKYAKU_METRICS_LISTEN: {
    otherwise: { en: 'none', ja: 'なし' },
    meaning: {
      en: 'address that answers `/metrics`, by plain HTTP without a key: keep it inside. The HTTP port answers `/metrics` only while it is on loopback and no proxy is trusted',
      ja: '`/metrics` に応答するアドレス。鍵なしの平文の HTTP なので、外部に公開しないでください。HTTP のポートは、ループバックで待ち受け、信頼するプロキシがないときだけ `/metrics` に応答します',
    },
  },
  HIKYAKU_TRUSTED_PROXIES: {
    otherwise: { en: 'none', ja: 'なし' },
    meaning: {
      en: 'addresses or CIDR networks of proxies, comma-separated: they terminate TLS for HTTP, and their SMTP connections begin with a PROXY header (v1 or v2). Without proxies and certificate, HTTP listens only on loopback',
      ja: 'アドレスまたは CIDR のネットワーク。HTTP の TLS をここで終端します。設定しない場合、ループバック以外で平文の HTTP は使えません。SMTP の接続は PROXY ヘッダー（v1、v2）で始まります',
    },
  },
  HIKYAKU_DATA_DIR: {
    otherwise: { en: './data', ja: './data' },
    meaning: {
      en: 'local files: the secret key, the self-signed certificate',
      ja: 'ローカルのファイル: 秘密鍵、自己署名証明書',
    },
  },
  HIKYAKU_NODE: {
    otherwise: { en: 'the host name', ja: 'ホスト名' },
    meaning: {
      en: "this node's name; each node needs its own",
      ja: 'このノードの名前。ノードごとに別の名前が必要です',
    },
  },
  HIKYAKU_MX_LISTEN: {
    otherwise: { en: '127.0.0.1:2525', ja: '127.0.0.1:2525' },
    meaning: {
      en: 'addresses for mail from the Internet (production: port 25), comma-separated; AUTH is possible after STARTTLS',
      ja: 'インターネットからのメール（本番は 25 番ポート）。STARTTLS のあとは AUTH も受け付けます',
    },
  },
  HIKYAKU_MX_GREETING_DELAY: {
    otherwise: { en: '0', ja: '0' },
    meaning: {
      en: 'seconds (0 to 30) that the MX listener waits before its greeting; it turns away clients that send something before',
      ja: 'MX の挨拶を遅らせる秒数（30 まで）。その間に話し始めた相手は拒否します',
    },
  },
  HIKYAKU_MX_MESSAGES_PER_MINUTE: {
    otherwise: { en: '0', ja: '0' },
    meaning: {
      en: 'messages without AUTH that the MX listener accepts from one IPv4 address or IPv6 /64 in 60 s; 0 = no limit',
      ja: 'MX が AUTH なしで、1 つの IPv4 アドレスまたは IPv6 の /64 から 60 秒間に受け付けるメールの数。0 は無制限',
    },
  },
  HIKYAKU_MX_RECIPIENTS_PER_MINUTE: {
    otherwise: { en: '0', ja: '0' },
    meaning: {
      en: 'recipients without AUTH that the MX listener accepts from one IPv4 address or IPv6 /64 in 60 s; 0 = no limit',
      ja: '同じく宛先の数。0 は無制限',
    },
  },
  HIKYAKU_SUBMISSION_LISTEN: {
    otherwise: { en: '127.0.0.1:2587', ja: '127.0.0.1:2587' },
    meaning: {
      en: 'addresses for submission with STARTTLS (production: port 587), comma-separated',
      ja: 'STARTTLS による送信受付（本番は 587 番ポート）',
    },
  },
  HIKYAKU_SUBMISSIONS_LISTEN: {
    otherwise: { en: '127.0.0.1:2465', ja: '127.0.0.1:2465' },
    meaning: {
      en: 'addresses for submission with implicit TLS (production: port 465), comma-separated',
      ja: '最初から TLS の送信受付（本番は 465 番ポート）',
    },
  },
  HIKYAKU_TLS_CERT: {
    otherwise: { en: 'self-signed, made at first start', ja: '自己署名。最初の起動で作成' },
    meaning: {
      en: 'PEM file of the certificate; the service re-reads it when it changes',
      ja: 'PEM ファイル。変更されると読み直します',
    },
  },
  HIKYAKU_TLS_KEY: {
    otherwise: { en: 'self-signed, made at first start', ja: '自己署名。最初の起動で作成' },
    meaning: {
      en: 'PEM file of its private key; the service re-reads it when it changes',
      ja: 'PEM ファイル。変更されると読み直します',
    },
  },
  HIKYAKU_TLS_MIN_VERSION: {
    otherwise: { en: 'TLSv1.2', ja: 'TLSv1.2' },
    meaning: {
      en: 'lowest TLS version for submission and HTTP: `TLSv1`, `TLSv1.1`, `TLSv1.2` or `TLSv1.3`',
      ja: '送信受付と HTTP の最低バージョン: `TLSv1`、`TLSv1.1`、`TLSv1.2`、`TLSv1.3`',
    },
  },
  HIKYAKU_MX_TLS_MIN_VERSION: {
    otherwise: { en: 'TLSv1', ja: 'TLSv1' },
    meaning: {
      en: 'lowest TLS version for the MX listener; with an old peer, old TLS is better than no TLS',
      ja: 'MX の最低バージョン。ここでは古い TLS でも平文よりは安全です',
    },
  },
  HIKYAKU_SECRET_KEY: {
    otherwise: {
      en: 'made at first start in the data directory',
      ja: '最初の起動でデータディレクトリに作成',
    },
    meaning: {
      en: 'encrypts DKIM keys and hook secrets at rest: 32 octets, base64 or hex',
      ja: 'DKIM 鍵とフックのシークレットを暗号化する鍵。32 オクテット、base64 または 16 進',
    },
  },
  HIKYAKU_DNS_SERVERS: {
    otherwise: { en: "the system's", ja: 'システムの設定' },
    meaning: {
      en: 'DNS servers, comma-separated `ip:port`',
      ja: '`ip:port`。コンマ区切り',
    },
  },
  HIKYAKU_ROUTES: {
    otherwise: { en: 'none', ja: 'なし' },
    meaning: {
      en: 'next hops by recipient domain: comma-separated `pattern=url`, the first match wins; `smtp://host:port`, `smtp+starttls://user:pass@host:port`, `smtps://user:pass@host:port`. The last two verify the certificate, except on loopback; `?verify=no` behind the port turns that off for one route',
      ja: '`パターン=URL`。コンマ区切りで、最初に一致したものを使います。`smtp://host:port`、`smtp+starttls://user:pass@host:port`、`smtps://user:pass@host:port`。後の 2 つは証明書を検証します（ループバックを除く）。ポートの後の `?verify=no` は、その経路の検証を止めます',
    },
  },
  HIKYAKU_SITE_CONNECTIONS: {
    otherwise: { en: '`20`', ja: '`20`' },
    meaning: {
      en: 'most simultaneous connections to one destination site; `pattern=n` for some sites, then the number for all others: `*.example.com=50,20`',
      ja: '1 つの配送先サイトへの同時接続数。一部のサイトの `パターン=数` を、全体の数の前に並べられます: `*.example.com=50,20`',
    },
  },
  HIKYAKU_TRUSTED_NETWORKS: {
    otherwise: { en: 'none', ja: 'なし' },
    meaning: {
      en: 'comma-separated `cidr=api_client_id` inside 127.0.0.0/8 and ::1: the submission port takes mail from there without TLS and AUTH, as that API client',
      ja: '`cidr=api_client_id`。コンマ区切り。127.0.0.0/8 と ::1 の中に限ります。送信受付のポートは、そこからのメールを TLS と AUTH なしで、その API クライアントのものとして受け付けます',
    },
  },
  HIKYAKU_LIMIT_PER_MINUTE: {
    otherwise: { en: '300', ja: '300' },
    meaning: {
      en: 'recipients that a project may send to in 60 s; 0 = no limit',
      ja: 'プロジェクトが 60 秒間に送信できる宛先数。0 は無制限',
    },
  },
  HIKYAKU_LIMIT_PER_DAY: {
    otherwise: { en: '50000', ja: '50000' },
    meaning: {
      en: 'recipients that a project may send to in 24 h; 0 = no limit',
      ja: 'プロジェクトが 24 時間に送信できる宛先数。0 は無制限',
    },
  },
  HIKYAKU_ALLOW_PRIVATE_TARGETS: {
    otherwise: { en: 'false', ja: 'false' },
    meaning: {
      en: 'permits hooks, MX hosts and servers of DNS providers on private and loopback addresses, also by names of the hosts file and the local network (hooks of a sandbox project may be on loopback anyway)',
      ja: 'プライベートアドレスとループバックにあるフック、MX ホスト、DNS サービスのサーバーを許可します。hosts ファイルやローカルネットワークの名前も使えます（サンドボックスのフックは、設定しなくてもループバックに置けます）',
    },
  },
  HIKYAKU_API_URL: {
    otherwise: {
      en: 'follows `HIKYAKU_HTTP_LISTEN`: http://localhost:8025',
      ja: '`HIKYAKU_HTTP_LISTEN` に合わせます: http://localhost:8025',
    },
    meaning: {
      en: 'for the commands `api`, `message`, `listen` and `key`: the URL of the service',
      ja: '`api`、`message`、`listen`、`key` が呼び出すサービス',
    },
  },
  HIKYAKU_API_KEY_ID: {
    otherwise: { en: 'none', ja: 'なし' },
    meaning: {
      en: 'for the same commands: the id of the static key',
      ja: '同じコマンドが使う静的鍵の ID',
    },
  },
  HIKYAKU_API_KEY_SECRET: {
    otherwise: { en: 'none', ja: 'なし' },
    meaning: {
      en: 'for the same commands: the secret of the static key',
      ja: 'その静的鍵のシークレット',
    },
  },
  HIKYAKU_LOG_LEVEL: {
    otherwise: { en: 'info', ja: 'info' },
    meaning: {
      en: '`debug`, `info`, `warn`, `error` or `silent`; the log is JSON lines on stdout',
      ja: '`debug`、`info`、`warn`、`error`、`silent`。標準出力に JSON を 1 行ずつ書きます',
    },
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;
