/**
 * The commands as a table: `check` is pure and says what is wrong with a command here and now; `proceed` does it.
 * Order of errors: what is wrong with the session first, then with the words.
 */
import { type Reply, reply } from '../reply.ts';
import { parsePath } from './path.ts';
import type { Connection, MailParameters, RcptParameters } from './receiver.ts';
import * as replies from './replies.ts';

/** What commands may see and do of a session. */
export interface CommandState {
  readonly connection: Connection;
  inTransaction(): boolean;
  readonly tlsAvailable: boolean;
  authOffered(): boolean;
  authNeeds(tlsVersion: string): string | null;
  mayHandshake(): boolean;
  announcedSize(): number;
  readonly hostname: string;
  smtputf8(): boolean;
  recipients(): number;
  readonly maxRecipients: number;
  /** One more RCPT came than the cap takes. */
  beyondCap(): void;
  hello(name: string, esmtp: boolean): void;
  reset(): void;
  upgrade(): void;
  auth(mechanism: string, initial: string): Promise<void>;
  /** null: the connection has gone meanwhile */
  mail(parameters: MailParameters): Promise<Reply | null>;
  rcpt(parameters: RcptParameters): Promise<Reply>;
  /** null: the octets may come */
  data(): Reply | null;
}
export interface Command {
  /** Moves no mail: counted against floods. */
  readonly junk: boolean;
  check(state: CommandState, rest: string): Reply | null;
  proceed(state: CommandState, rest: string): Promise<Reply | null> | Reply | null;
}

/** The verb in upper case and what follows its blank. */
export function splitCommand(line: string): { verb: string; rest: string } {
  const blank = line.search(/[ \t]/);
  return blank === -1
    ? { verb: line.toUpperCase(), rest: '' }
    : { verb: line.slice(0, blank).toUpperCase(), rest: line.slice(blank + 1).trim() };
}

const nothing = () => null;

function hello(esmtp: boolean): Command {
  return {
    junk: true,
    // Copiers and label printers send the name that people gave them, blanks included. It is shown, and decides nothing.
    check: (_state, rest) =>
      rest === '' || rest.length > 255 ? reply(501, '5.5.4', 'a host name is needed') : null,
    proceed(state, rest) {
      state.hello(rest, esmtp);
      return esmtp
        ? reply(250, null, state.hostname, ...extensions(state))
        : reply(250, null, state.hostname);
    },
  };
}

/** EHLO keywords: RFC 2920, 1870, 6152, 6531, 2034, 3461, 3207, 4954. */
function extensions(state: CommandState): string[] {
  return [
    'PIPELINING',
    `SIZE ${state.announcedSize()}`,
    '8BITMIME',
    'SMTPUTF8',
    'ENHANCEDSTATUSCODES',
    ...(offersDsn(state) ? ['DSN'] : []),
    ...(state.connection.tls === null && state.tlsAvailable ? ['STARTTLS'] : []),
    ...(state.authOffered() ? ['AUTH PLAIN LOGIN'] : []),
    'HELP',
  ];
}

const noArgument = (_state: CommandState, rest: string) => (rest === '' ? null : replies.SYNTAX);

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['EHLO', hello(true)],
  ['HELO', hello(false)],
  [
    'STARTTLS',
    {
      junk: true,
      check(state, rest) {
        if (!state.tlsAvailable) return replies.NOT_IMPLEMENTED;
        if (state.connection.tls !== null) return reply(503, '5.5.1', 'TLS is already active');
        if (state.inTransaction()) return replies.BAD_SEQUENCE;
        return rest === '' ? null : replies.SYNTAX;
      },
      proceed(state) {
        // Not 454: some clients would go on in clear text.
        if (!state.mayHandshake()) return replies.TOO_MANY_HANDSHAKES;
        state.upgrade();
        return null;
      },
    },
  ],
  [
    'AUTH',
    {
      junk: true,
      check(state, rest) {
        const { tls } = state.connection;
        if (tls === null) return replies.ENCRYPTION_REQUIRED;
        if (state.connection.helo === null) return replies.NEED_HELLO;
        if (state.connection.principal !== null || state.inTransaction()) return replies.BAD_SEQUENCE;
        const needed = state.authNeeds(tls.version);
        if (needed !== null) return replies.newerTls(needed, tls.version);
        return /^\S+( \S+)?$/.test(rest) ? null : replies.SYNTAX;
      },
      async proceed(state, rest) {
        const [mechanism = '', initial = ''] = rest.split(' ');
        await state.auth(mechanism.toUpperCase(), initial);
        return null;
      },
    },
  ],
  [
    'MAIL',
    {
      junk: false,
      check(state, rest) {
        if (state.connection.helo === null) return replies.NEED_HELLO;
        if (state.inTransaction()) return replies.BAD_SEQUENCE;
        const parsed = mailParameters(rest, offersDsn(state));
        if ('code' in parsed) return parsed;
        return parsed.size !== null && parsed.size > state.announcedSize() ? replies.TOO_LARGE : null;
      },
      proceed(state, rest) {
        return state.mail(mailParameters(rest, true) as MailParameters);
      },
    },
  ],
  [
    'RCPT',
    {
      junk: false,
      check(state, rest) {
        if (!state.inTransaction()) return replies.BAD_SEQUENCE;
        const parsed = rcptParameters(rest, offersDsn(state));
        if ('code' in parsed) return parsed;
        if (hasUtf8(parsed.address) && !state.smtputf8()) return replies.NEED_SMTPUTF8;
        return null;
      },
      proceed(state, rest) {
        if (state.recipients() < state.maxRecipients)
          return state.rcpt(rcptParameters(rest, true) as RcptParameters);
        state.beyondCap();
        return replies.TOO_MANY_RECIPIENTS;
      },
    },
  ],
  [
    'DATA',
    {
      junk: false,
      check(state, rest) {
        if (rest !== '') return replies.SYNTAX;
        if (!state.inTransaction()) return replies.BAD_SEQUENCE;
        return state.recipients() === 0 ? replies.NO_VALID_RECIPIENTS : null;
      },
      proceed: (state) => state.data(),
    },
  ],
  [
    'RSET',
    {
      junk: true,
      check: noArgument,
      proceed(state) {
        state.reset();
        return replies.OK;
      },
    },
  ],
  ['NOOP', { junk: true, check: nothing, proceed: () => replies.OK }],
  ['QUIT', { junk: false, check: noArgument, proceed: () => replies.BYE }],
  [
    'VRFY',
    {
      junk: true,
      check: (_s, rest) => (rest === '' ? replies.SYNTAX : null),
      proceed: () => replies.CANNOT_VRFY,
    },
  ],
  ['HELP', { junk: true, check: nothing, proceed: () => replies.HELP }],
  ...['EXPN', 'ETRN', 'TURN', 'SEND', 'SOML', 'SAML', 'BDAT', 'BURL', 'ATRN'].map(
    (verb): [string, Command] => [
      verb,
      { junk: true, check: () => replies.NOT_IMPLEMENTED, proceed: nothing },
    ],
  ),
]);

function hasUtf8(text: string): boolean {
  return /[^\x00-\x7f]/.test(text);
}

/** Notifications are offered to those who send, never to the Internet: anyone could have them sent to anyone. */
function offersDsn({ connection }: CommandState): boolean {
  return connection.role !== 'mx' || connection.principal !== null;
}

/** xtext (RFC 3461 §4) of at most `most` characters. */
function isXtext(text: string, most: number): boolean {
  return text.length <= most && /^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+$/.test(text);
}

/** `TO:<path> [NOTIFY=…] [ORCPT=…]`; a refusal where it is not. */
function rcptParameters(rest: string, dsn: boolean): RcptParameters | Reply {
  const match = /^TO:(.*)$/i.exec(rest);
  const path = match === null ? null : parsePath(match[1]!);
  if (path === null || path.address === '') return replies.BAD_RECIPIENT;
  let notify: RcptParameters['notify'];
  let orcpt: string | undefined;
  for (const [keyword, value] of path.parameters) {
    if (!dsn) return replies.UNKNOWN_PARAMETER;
    if (keyword === 'NOTIFY') {
      const wanted = value.toUpperCase().split(',');
      const known = /^(?:NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*)$/.test(
        wanted.join(','),
      );
      if (!known || new Set(wanted).size !== wanted.length) return replies.SYNTAX;
      notify = wanted as unknown as RcptParameters['notify'];
    } else if (keyword === 'ORCPT') {
      const [type = '', ...words] = value.split(';');
      // RFC 6533 §3: a utf-8 address may stand here as it is
      if (!/^[A-Za-z0-9-]{1,50}$/.test(type) || !isXtext(words.join(';').replace(/[^\x00-\x7f]/g, 'x'), 500))
        return replies.SYNTAX;
      orcpt = value;
    } else return replies.UNKNOWN_PARAMETER;
  }
  return {
    address: path.address,
    ...(notify === undefined ? {} : { notify }),
    ...(orcpt === undefined ? {} : { orcpt }),
  };
}

/** `FROM:<path> [SIZE=n] [BODY=…] [SMTPUTF8] [AUTH=…] [RET=…] [ENVID=…]`; a refusal where it is not. */
function mailParameters(rest: string, dsn: boolean): MailParameters | Reply {
  const match = /^FROM:(.*)$/i.exec(rest);
  const path = match === null ? null : parsePath(match[1]!);
  if (path === null) return replies.BAD_SENDER;
  let size: number | null = null;
  let body: MailParameters['body'] = '7BIT';
  let smtputf8 = false;
  let ret: MailParameters['ret'];
  let envid: string | undefined;
  for (const [keyword, value] of path.parameters) {
    switch (keyword) {
      case 'SIZE':
        // RFC 1870 §3
        if (!/^\d{1,20}$/.test(value)) return replies.SYNTAX;
        size = Number(value);
        break;
      case 'BODY':
        if (!/^(7BIT|8BITMIME)$/i.test(value)) return replies.SYNTAX;
        body = value.toUpperCase() as MailParameters['body'];
        break;
      case 'SMTPUTF8':
        if (value !== '') return replies.SYNTAX;
        smtputf8 = true;
        break;
      case 'AUTH':
        // RFC 4954 §5: taken, and not believed.
        break;
      case 'RET':
        if (!dsn) return replies.UNKNOWN_PARAMETER;
        if (!/^(FULL|HDRS)$/i.test(value)) return replies.SYNTAX;
        ret = value.toUpperCase() as 'FULL' | 'HDRS';
        break;
      case 'ENVID':
        if (!dsn) return replies.UNKNOWN_PARAMETER;
        if (!isXtext(value, 100)) return replies.SYNTAX;
        envid = value;
        break;
      default:
        return replies.UNKNOWN_PARAMETER;
    }
  }
  if (hasUtf8(path.address) && !smtputf8) return replies.NEED_SMTPUTF8;
  return {
    address: path.address,
    size,
    body,
    smtputf8,
    ...(ret === undefined ? {} : { ret }),
    ...(envid === undefined ? {} : { envid }),
  };
}
