/** The server's own replies; those of meaning come from the Receiver. */
import type { LongLine } from '../../mail/long-lines.ts';
import { closing, type Reply, reply } from '../reply.ts';

export const OK = reply(250, '2.0.0', 'ok');
export const SENDER_OK = reply(250, '2.1.0', 'sender ok');
export const RECIPIENT_OK = reply(250, '2.1.5', 'recipient ok');
export const GO_AHEAD = reply(354, null, 'end data with <CR><LF>.<CR><LF>');
export const BYE = closing(221, '2.0.0', 'bye');
export const READY_FOR_TLS = reply(220, '2.0.0', 'ready to start TLS');
export const AUTHENTICATED = reply(235, '2.7.0', 'authentication succeeded');
export const CANNOT_VRFY = reply(252, '2.5.0', 'cannot verify, but will take mail for valid recipients');
export const HELP = reply(
  214,
  '2.0.0',
  'commands: EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET NOOP QUIT VRFY HELP',
);
export const UNKNOWN_COMMAND = reply(500, '5.5.1', 'command not recognized');
export const LINE_TOO_LONG = reply(500, '5.5.2', 'line too long');
export const BARE_LINE_END = reply(500, '5.5.2', 'bare CR or LF, or control characters, in a command');
export const SYNTAX = reply(501, '5.5.4', 'syntax error in parameters');
export const BAD_SENDER = reply(501, '5.1.7', 'syntax error in the sender address');
export const BAD_RECIPIENT = reply(501, '5.1.3', 'syntax error in the recipient address');
export const NOT_IMPLEMENTED = reply(502, '5.5.1', 'command not implemented');
export const BAD_SEQUENCE = reply(503, '5.5.1', 'bad sequence of commands');
export const NEED_HELLO = reply(503, '5.5.1', 'say EHLO first');
export const NO_VALID_RECIPIENTS = reply(554, '5.5.1', 'no valid recipients');
export const TOO_MANY_RECIPIENTS = reply(452, '4.5.3', 'too many recipients');
export const UNKNOWN_PARAMETER = reply(555, '5.5.4', 'parameter not recognized');
export const TOO_LARGE = reply(552, '5.3.4', 'message size exceeds the limit');
export const NEED_SMTPUTF8 = reply(553, '5.6.7', 'address needs SMTPUTF8');
export const BARE_IN_DATA = reply(554, '5.6.0', 'message has a bare CR or LF; lines end with CRLF');
/** The limit is said as it is here: without the CRLF. */
export function longLine({ line, octets }: LongLine, most: number): Reply {
  return reply(554, '5.6.0', `line ${line} of the message has ${octets} octets; the limit is ${most}`);
}
export const ENCRYPTION_REQUIRED = reply(538, '5.7.11', 'encryption required for authentication');
/** Both versions as Node.js names them, such as TLSv1.2. */
export function newerTls(needed: string, version: string): Reply {
  const said = (name: string) => name.replace(/^TLSv/, 'TLS ').replace(/^TLS 1$/, 'TLS 1.0');
  return reply(
    538,
    '5.7.11',
    `authentication needs ${said(needed)} or above, this connection has ${said(version)}`,
  );
}
export const AUTH_MALFORMED = reply(501, '5.5.2', 'malformed authentication data');
export const AUTH_CANCELLED = reply(501, '5.7.0', 'authentication cancelled');
export const AUTH_UNKNOWN = reply(504, '5.5.4', 'authentication mechanism not supported');
export const NO_MEMORY = reply(452, '4.3.1', 'too much mail at once, try again later');
export const LOCAL_ERROR = reply(451, '4.3.0', 'temporary failure, try again later');
export const TOO_MANY_ERRORS = closing(421, '4.7.0', 'too many errors');
export const NOT_SMTP = closing(554, '5.5.1', 'this is an SMTP server');
export const EARLY = closing(554, '5.5.1', 'you spoke before the greeting');
export const PIPELINED = closing(554, '5.5.0', 'you sent more before it was asked for');
export const SHUTTING_DOWN = closing(421, '4.3.2', 'service shutting down, try again later');
export const TIMED_OUT = closing(421, '4.4.2', 'timeout');
export const TOO_MANY_CONNECTIONS = closing(421, '4.7.0', 'too many connections, try again later');
export const TOO_MANY_HANDSHAKES = closing(421, '4.7.0', 'too many TLS handshakes, try again later');
export const DROPPED = closing(421, '4.7.0', 'too many connections, the idlest is closed, try again later');
export const TOO_SLOW = closing(
  421,
  '4.3.1',
  'too much mail at once, the slowest is closed, try again later',
);
