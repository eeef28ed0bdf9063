/**
 * `send_message`: from a caller's fields to an RFC 5322 message and its envelope. Nothing a caller gives can make a
 * header field of its own; Bcc is in the envelope only. Fails with FieldError, which names the JSON path.
 */
import { type Address, formatMailbox, type Mailbox, parseMailbox } from './address.ts';
import { formatDate } from './dates.ts';
import { encodeField } from './encode-field.ts';
import { encodeWords } from './encoded-words.ts';
import { foldHeader, readHeaderSection, trimSpace } from './headers.ts';
import { foldOutside, refold } from './long-lines.ts';
import { type IdSource, newMessageId, parseMessageId } from './message-id.ts';
import { contentTypeOf, encodeText, filenameParameters, wrapBase64 } from './mime-parts.ts';
import { brokenSignatures, signersOf } from './signers.ts';

/** The `arguments` of send_message, without `self`. */
export interface ComposeInput {
  readonly from?: readonly string[];
  readonly sender?: string;
  readonly reply_to?: readonly string[];
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  readonly bcc?: readonly string[];
  readonly message_id?: string;
  readonly in_reply_to?: readonly string[];
  readonly references?: readonly string[];
  readonly subject: string;
  readonly content_type: string;
  readonly additional_header?: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
  readonly attachments?: readonly {
    readonly filename?: string;
    readonly content_type: string;
    readonly content: string;
  }[];
}
type HeaderInput = Omit<ComposeInput, 'content_type' | 'body' | 'attachments'>;
export class FieldError extends Error {
  override name = 'FieldError';
  /** JSON path, e.g. `arguments.to[0]` */
  readonly field: string;
  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}
export interface Composed {
  readonly raw: Buffer;
  readonly messageId: string;
  /** An address in the header needs SMTPUTF8. */
  readonly utf8: boolean;
  readonly envelope: { readonly from: Address; readonly recipients: Address[] };
}
/** Ids and octets for boundaries. */
export interface ComposeRandom extends IdSource {
  bytes(length: number): Buffer;
}
export interface ComposeContext {
  /** Wall ms; becomes Date. */
  readonly now: number;
  readonly random: ComposeRandom;
  /** Right-hand side of a Message-ID made here. */
  readonly messageIdDomain: string;
}

/** Fields made here or by the transport; a caller's own are overwritten. */
const OURS = new Set(
  'from,sender,reply-to,to,cc,bcc,subject,date,message-id,in-reply-to,references,mime-version,content-type,content-transfer-encoding,content-disposition,received,return-path,dkim-signature,authentication-results,resent-bcc'.split(
    ',',
  ),
);
const LINE_ENDS = /[\r\n\0\u0085\u2028\u2029]/;

export function compose(input: ComposeInput, context: ComposeContext): Composed {
  const newId = () => newMessageId(context.random, context.messageIdDomain);
  const { header, ...composed } = composeHeader(input, { now: context.now, newId });
  return { raw: Buffer.concat([Buffer.from(header, 'utf8'), content(input, context.random)]), ...composed };
}
/** The header alone, up to MIME-Version; the fields of the content and the empty line come after it. */
export function composeHeader(
  input: HeaderInput,
  { now, newId }: Pick<ComposeContext, 'now'> & { readonly newId: () => string },
): Omit<Composed, 'raw'> & { readonly header: string } {
  const from = mailboxes(input, 'from');
  const replyTo = mailboxes(input, 'reply_to');
  const to = mailboxes(input, 'to');
  const cc = mailboxes(input, 'cc');
  const bcc = mailboxes(input, 'bcc');
  const sender = input.sender === undefined ? null : mailbox(input.sender, 'arguments.sender');
  if (to.length + cc.length + bcc.length === 0)
    throw new FieldError('arguments.to', 'at least one of to, cc and bcc is needed');
  if (sender === null && from.length !== 1) {
    throw new FieldError('arguments.from', 'without sender exactly one author is needed');
  }
  const messageId = input.message_id === undefined ? newId() : id(input.message_id, 'arguments.message_id');
  const authors = from.length > 0 ? from : [sender!];
  const fields: string[] = [field('From', authors)];
  if (sender !== null && (authors.length !== 1 || authors[0]!.address.wire !== sender.address.wire))
    fields.push(field('Sender', [sender]));
  if (replyTo.length > 0) fields.push(field('Reply-To', replyTo));
  if (to.length > 0) fields.push(field('To', to));
  if (cc.length > 0) fields.push(field('Cc', cc));
  // RFC 5322 §3.6.3: mail to Bcc alone says so, instead of having no destination at all.
  if (to.length + cc.length === 0) fields.push('To: undisclosed-recipients:;\r\n');
  fields.push(foldOutside(`Subject: ${text(input.subject, 'arguments.subject')}\r\n`));
  fields.push(`Date: ${formatDate(now)}\r\n`, `Message-ID: ${messageId}\r\n`);
  for (const [name, key] of [
    ['In-Reply-To', 'in_reply_to'],
    ['References', 'references'],
  ] as const) {
    const ids = (input[key] ?? []).map((value, i) => id(value, `arguments.${key}[${i}]`));
    if (ids.length > 0) fields.push(foldHeader(name, ids.join(' ')));
  }
  const others = additional(input.additional_header ?? {});
  refuseBroken(input, others);
  fields.push(...others.map(({ made }) => made));
  const header = `${fields.map((one) => refold(one, false)).join('')}MIME-Version: 1.0\r\n`;
  const recipients = new Map<string, Address>();
  for (const { address } of [...to, ...cc, ...bcc]) recipients.set(address.wire, address);
  return {
    header,
    messageId,
    utf8: /[^\x00-\x7f]/.test(header),
    envelope: { from: (sender ?? from[0]!).address, recipients: [...recipients.values()] },
  };
}

function mailbox(value: string, path: string): Mailbox {
  const parsed = parseMailbox(value);
  if (parsed === null)
    throw new FieldError(path, 'is not one RFC 5322 mailbox; a name with ( ) , : ; needs quotes');
  return parsed;
}
function mailboxes(input: HeaderInput, key: 'from' | 'reply_to' | 'to' | 'cc' | 'bcc'): Mailbox[] {
  return (input[key] ?? []).map((value, i) => mailbox(value, `arguments.${key}[${i}]`));
}
function field(name: string, list: readonly Mailbox[]): string {
  return foldOutside(`${name}: ${list.map(formatMailbox).join(', ')}\r\n`);
}
function id(value: string, path: string): string {
  const parsed = parseMessageId(value);
  if (parsed === null) throw new FieldError(path, 'is not a message identifier such as <id@example.com>');
  return parsed;
}
function text(value: string, path: string): string {
  if (LINE_ENDS.test(value)) throw new FieldError(path, 'must not hold line ends or NUL');
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(value))
    throw new FieldError(path, 'must not hold control characters');
  return /^[\u0020-\u007e\t]*$/.test(value) && !value.includes('=?') && longestPiece(value) < 900
    ? trimSpace(value)
    : encodeWords(value);
}
/** What cannot be folded: a word with the white space before it. */
function longestPiece(value: string): number {
  return value.split(/(?<![ \t])(?=[ \t])/).reduce((most, piece) => Math.max(most, piece.length), 0);
}

/** A field as the caller gave it and as it is written, each CRLF-ended. */
interface Additional {
  /** The JSON path. */
  readonly path: string;
  readonly given: string;
  readonly made: string;
}
/** RFC 5322 §3.6.8 optional-field; obs-unstruct and obs-FWS are refused, folding is the caller's where a line is long. */
function additional(header: Readonly<Record<string, readonly string[]>>): Additional[] {
  const fields: Additional[] = [];
  for (const [name, values] of Object.entries(header)) {
    const path = `arguments.additional_header.${name}`;
    if (!/^[\x21-\x39\x3b-\x7e]{1,77}$/.test(name)) throw new FieldError(path, 'is not a header field name');
    if (OURS.has(name.toLowerCase())) continue;
    values.forEach((value, i) => {
      const at = `${path}[${i}]`;
      const lines = value.replaceAll('\r\n', '\n').split('\n');
      lines.forEach((line, n) => {
        if (/[\r\0\u0085\u2028\u2029\u0001-\u0008\u000b-\u001f\u007f]/.test(line))
          throw new FieldError(at, 'must not hold control characters');
        if (n > 0 && !/^[ \t]/.test(line))
          throw new FieldError(at, 'a line end must be followed by white space (folding)');
        if (n > 0 && trimSpace(line) === '')
          throw new FieldError(at, 'a folded line must not be blank (obs-FWS)');
        if (Buffer.byteLength(line) + (n === 0 ? name.length + 2 : 0) > 998) {
          throw new FieldError(at, 'a line is over 998 octets: put folding white space into it');
        }
      });
      const folded = ` ${lines.join('\r\n').trimStart()}`;
      fields.push({
        path: at,
        given: `${name}:${folded}\r\n`,
        made: additionalField(name, folded, at),
      });
    });
  }
  return fields;
}

/** A caller may give ARC fields. What they cover must not need encoding, since that breaks the signature. */
function refuseBroken(input: HeaderInput, others: readonly Additional[]): void {
  if (others.length === 0) return;
  const all = [...others, ...encodedOnes(input)];
  const { fields } = readHeaderSection(Buffer.from(`${all.map(({ given }) => given).join('')}\r\n`));
  if (signersOf(fields).length === 0) return;
  const changes = all.flatMap(({ path, given, made }, i) => {
    const field = fields[i];
    return given === made || field === undefined
      ? []
      : [{ path, field, name: field.name, before: octets(given), after: octets(made) }];
  });
  for (const { change, signer } of brokenSignatures(fields, changes))
    throw new FieldError(
      change.path,
      `needs encoding, and that breaks the signature of ${signer}; write its text as encoded words (RFC 2047) before signing`,
    );
}
/** Fields with arguments of their own that hold text beyond ASCII. */
function encodedOnes(input: HeaderInput): Additional[] {
  const given: readonly (readonly [string, string, readonly string[] | undefined])[] = [
    ['Subject', 'subject', [input.subject]],
    ['From', 'from', input.from],
    ['Sender', 'sender', input.sender === undefined ? undefined : [input.sender]],
    ['Reply-To', 'reply_to', input.reply_to],
    ['To', 'to', input.to],
    ['Cc', 'cc', input.cc],
  ];
  return given.flatMap(([name, key, values]) => {
    const text = values?.join(', ') ?? '';
    if (/^[\x00-\x7f]*$/.test(text)) return [];
    return [{ path: `arguments.${key}`, given: `${name}: ${text}\r\n`, made: `${name}:\r\n` }];
  });
}
const octets = (text: string) => Buffer.from(text).toString('latin1');

function additionalField(rawName: string, rawValue: string, path: string): string {
  const encoded = encodeField({ name: rawName.toLowerCase(), rawName, rawValue }, false);
  switch (encoded.kind) {
    case 'same':
      return `${rawName}:${rawValue}\r\n`;
    case 'encoded':
      return encoded.text;
    case 'refused':
      throw new FieldError(path, 'holds characters beyond ASCII where the field takes ASCII alone');
  }
}

/** Content-Type and Content-Transfer-Encoding fields, the empty line and the body. */
function content(input: ComposeInput, random: ComposeRandom): Buffer {
  const type = contentTypeOf(input.content_type);
  if (type === null) throw new FieldError('arguments.content_type', 'is not a media type with parameters');
  const body = input.body.replace(/\r\n|\r|\n/g, '\r\n');
  const attachments = input.attachments ?? [];
  if (type.major === 'multipart') {
    if (attachments.length > 0)
      throw new FieldError('arguments.attachments', 'cannot be given with a multipart content_type');
    const boundary = type.parameters.get('boundary');
    if (boundary === undefined || boundary === '')
      throw new FieldError('arguments.content_type', 'multipart needs a boundary parameter');
    if (/[^\x01-\x7f]/.test(body))
      throw new FieldError('arguments.body', 'of a multipart message is already encoded: ASCII without NUL');
    if (!`\r\n${body}`.includes(`\r\n--${boundary}`))
      throw new FieldError('arguments.body', `does not contain the boundary ${boundary}`);
    const long = body.split('\r\n').findIndex((line) => line.length > 998);
    if (long !== -1) throw new FieldError('arguments.body', `line ${long + 1} is over 998 octets`);
    return Buffer.from(
      `${foldOutside(`Content-Type: ${type.text}\r\n`)}\r\n${body.endsWith('\r\n') ? body : `${body}\r\n`}`,
      'latin1',
    );
  }
  if (type.major !== 'text') throw new FieldError('arguments.content_type', 'must be text/* or multipart/*');
  const charset = type.parameters.get('charset');
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new FieldError('arguments.content_type', 'body is UTF-8: charset must be UTF-8 or left out');
  }
  if (/[\ud800-\udfff]/u.test(input.body) || input.body.includes('\0'))
    throw new FieldError('arguments.body', 'is not valid UTF-8 text without NUL');
  const ascii = /^[\x00-\x7f]*$/.test(body);
  const named = !ascii && !/^utf-?8$/i.test(charset ?? '') ? withCharset(type.text) : type.text;
  const encoded = encodeText(body);
  const part = `${foldOutside(`Content-Type: ${named}\r\n`)}Content-Transfer-Encoding: ${encoded.encoding}\r\n\r\n${encoded.text}`;
  if (attachments.length === 0) return Buffer.from(part, 'latin1');
  const boundary = `=_${random.bytes(18).toString('hex')}`;
  const parts: Buffer[] = [
    Buffer.from(
      `${foldHeader('Content-Type', `multipart/mixed; boundary="${boundary}"`)}\r\n--${boundary}\r\n${part}\r\n`,
      'latin1',
    ),
  ];
  attachments.forEach((attachment, i) => {
    const path = `arguments.attachments[${i}]`;
    const attached = contentTypeOf(attachment.content_type);
    if (attached === null)
      throw new FieldError(`${path}.content_type`, 'is not a media type with parameters');
    const base64 = attachment.content.replace(/[\r\n\t ]/g, '');
    if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
      throw new FieldError(`${path}.content`, 'is not base64');
    const filename = attachment.filename ?? '';
    if (LINE_ENDS.test(filename) || /[\u0000-\u001f\u007f]/.test(filename)) {
      throw new FieldError(`${path}.filename`, 'must not hold line ends or control characters');
    }
    parts.push(
      Buffer.from(
        `--${boundary}\r\n${foldOutside(`Content-Type: ${attached.text}\r\n`)}Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment${filenameParameters(filename)}\r\n\r\n`,
        'latin1',
      ),
      wrapBase64(base64),
      Buffer.from('\r\n'),
    );
  });
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return Buffer.concat(parts);
}

function withCharset(type: string): string {
  return `${type.replace(/;\s*charset=("[^"]*"|[^;\s]*)/i, '')}; charset=UTF-8`;
}
