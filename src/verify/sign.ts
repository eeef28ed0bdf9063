/**
 * DKIM signing (RFC 6376, Ed25519 by RFC 8463), relaxed/relaxed. The body is hashed once for all keys, or not at all
 * where its hash was computed at intake; RSA, which takes five times as long as Ed25519, runs off the event loop. The fields a reader judges a message by are
 * oversigned (§8.15): named once more than they are present, so that none can be added later.
 * Fails: SigningError where a name would not fit a field or a key does not suit its algorithm.
 */
import { hash, type KeyObject, sign } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { authorIsOpen } from '../mail/header-defects.ts';
import { type HeaderSection, MAX_FIELDS, MAX_HEADER, readHeaderSection } from '../mail/headers.ts';
import { relaxField } from '../mail/relax-field.ts';
import { bodyHash } from './body-hash.ts';

export interface SigningKey {
  readonly selector: string;
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
  readonly privateKey: KeyObject;
}
export interface SignRequest {
  /** The whole message as it will leave, header and body, CRLF line ends. */
  readonly message: Buffer;
  /** d=, an A-label. */
  readonly domain: string;
  readonly keys: readonly SigningKey[];
  /** Wall time in ms; becomes t=. */
  readonly now: number;
  /** `bodyHash` of this very body, where it is already known. */
  readonly bodyHash?: string;
}
export class SigningError extends Error {
  override name = 'SigningError';
}

const OVERSIGNED = ['From', 'To', 'Subject', 'Date', 'Cc', 'Reply-To', 'MIME-Version', 'Content-Type'];
const SIGNED = [
  'Sender',
  'Message-ID',
  'In-Reply-To',
  'References',
  'Content-Transfer-Encoding',
  'Content-ID',
  'Content-Description',
  'Auto-Submitted',
  'List-Id',
  'List-Help',
  'List-Unsubscribe',
  'List-Unsubscribe-Post',
  'List-Subscribe',
  'List-Post',
  'List-Owner',
  'List-Archive',
];
/** A field present more often than this is left to its lowest occurrences: h= must stay a line of reason. */
const MAX_SAME_NAME = 50;
/** The event loop and the writer's thread fill two cores between them. */
const FEW_CORES = availableParallelism() <= 2;
const NAME = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i;

/** What we add ourselves, trace and dates, comes on top of what a sender may have. */
const LIMITS = { fields: MAX_FIELDS + 50, octets: MAX_HEADER + 64 * 1024 };

/**
 * DKIM-Signature fields in the order of `keys`, each folded and CRLF-ended. '' without keys, and for a header that leaves
 * open who wrote the mail: intake takes none, but one that waited at an upgrade is not signed over two authors.
 */
export async function signDkim(request: SignRequest): Promise<string> {
  const { message, domain, keys, now } = request;
  if (keys.length === 0) return '';
  for (const name of [domain, ...keys.map((key) => key.selector)])
    if (!NAME.test(name) || name.length > 253)
      throw new SigningError(`not a DNS name: ${JSON.stringify(name)}`);
  const section = readHeaderSection(message, LIMITS);
  if (authorIsOpen(section)) return '';
  const { names, canonical } = selectFields(message, section);
  const bh = request.bodyHash ?? bodyHash(message);
  const seconds = Math.floor(now / 1000);
  const fields = await Promise.all(
    keys.map(async (key) => {
      const field =
        `DKIM-Signature: v=1; a=${key.algorithm}; c=relaxed/relaxed;\r\n` +
        `\td=${domain};\r\n\ts=${key.selector}; t=${seconds};\r\n` +
        `\th=${foldNames(names)};\r\n\tbh=${bh};\r\n\tb=`;
      // §3.7: the field itself comes last, with an empty b= and without its CRLF.
      const data = Buffer.from(canonical + relaxField(`${field}\r\n`).slice(0, -2), 'latin1');
      const signature = await signOctets(data, key);
      return `${field}${(signature.match(/.{1,72}/g) ?? []).join('\r\n\t')}\r\n`;
    }),
  );
  return fields.join('');
}

function selectFields(message: Buffer, { fields }: HeaderSection): { names: string[]; canonical: string } {
  const byName = new Map<string, string[]>();
  for (const { name, start, end } of fields) {
    const text = message.toString('latin1', start, end);
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [text]);
    else same.push(text);
  }
  const names: string[] = [];
  let canonical = '';
  for (const name of [...OVERSIGNED, ...SIGNED]) {
    const present = byName.get(name.toLowerCase()) ?? [];
    // §5.4.2: occurrences are taken from the bottom up.
    for (const text of present.toReversed().slice(0, MAX_SAME_NAME)) {
      names.push(name);
      canonical += relaxField(text.endsWith('\r\n') ? text : `${text}\r\n`);
    }
    if (OVERSIGNED.includes(name)) names.push(name);
  }
  return { names, canonical };
}

function foldNames(names: readonly string[]): string {
  let folded = '';
  let column = 3;
  names.forEach((name, index) => {
    const piece = index < names.length - 1 ? `${name}:` : name;
    if (column + piece.length > 76) {
      folded += '\r\n\t ';
      column = 2;
    }
    folded += piece;
    column += piece.length;
  });
  return folded;
}

/** Base64. RFC 8463 §3: Ed25519 signs the SHA-256 of the data. */
function signOctets(data: Buffer, { algorithm, privateKey }: SigningKey): Promise<string> {
  const rsa = algorithm === 'rsa-sha256';
  if (privateKey.asymmetricKeyType !== (rsa ? 'rsa' : 'ed25519'))
    throw new SigningError(`not a key for ${algorithm}`);
  const octets = rsa ? data : hash('sha256', data, 'buffer');
  // Ed25519 takes less time than the way to another thread and back; on two cores RSA, too, gains nothing by it.
  if (!rsa || FEW_CORES) return signNow(rsa ? 'sha256' : null, octets, privateKey);
  return new Promise((resolve, reject) => {
    sign('sha256', octets, privateKey, (error, signature) => {
      if (error) reject(new SigningError(error.message, { cause: error }));
      else resolve(signature.toString('base64'));
    });
  });
}

async function signNow(digest: 'sha256' | null, octets: Buffer, key: KeyObject): Promise<string> {
  try {
    return sign(digest, octets, key).toString('base64');
  } catch (error) {
    throw new SigningError((error as Error).message, { cause: error });
  }
}
