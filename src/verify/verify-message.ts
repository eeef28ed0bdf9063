/**
 * One verdict on a received message: SPF (RFC 7208), DKIM (RFC 6376, 8301, 8463), DMARC (RFC 7489 and its successor) and
 * ARC (RFC 8617), worked out by mailauth, which is loaded at the first message. What cannot be known now is temperror.
 * Invariants: 10 signatures, 20 look-ups for DKIM and ARC, 20 for DMARC, those of RFC 7208 for SPF, 10 s in all; sha1, keys
 * under 1,024 or over 4,096 bits, or with a long exponent, and partly signed bodies (l=) never pass; a message without exactly
 * one From address, or whose header leaves open who wrote it, never passes DMARC (permerror). Rejects with NoPlace alone:
 * there was no room to hash a large body.
 */
import { authorMailboxes } from '../mail/authors.ts';
import { authorIsOpen } from '../mail/header-defects.ts';
import { findHeader, type HeaderSection } from '../mail/headers.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { Resolver } from '../runtime/resolver.ts';
import { NoPlace } from '../runtime/workers.ts';
import type { Authentication, DkimSignatureResult, SpfResult } from './authentication.ts';
import { authenticationResults } from './authentication-results.ts';
import type { BodyHasher } from './body-hash.ts';
import { type LibrarySignature, readSignatures, type Verified } from './library.ts';
import { createLookup, type Deadline, type Lookup } from './lookups.ts';
import { type LibraryField, restrainHeader } from './restrain-header.ts';

export interface VerifyRequest {
  readonly message: Buffer;
  /** The reading of its header. */
  readonly section: HeaderSection;
  readonly hashBody: BodyHasher;
  /** The project whose place the hashing of the body takes. */
  readonly share: string;
  /** IP text. */
  readonly peerAddress: string;
  readonly helo: string;
  /** MAIL FROM's address without brackets; '' is the null return path. */
  readonly mailFrom: string;
  /** Our host name: the authserv-id. */
  readonly hostname: string;
  readonly resolver: Resolver;
  /** Wall time in ms for signature expiry. */
  readonly now?: number;
  /** For the deadline. */
  readonly clock?: Clock;
}
export interface Verification {
  readonly authentication: Authentication;
  /** Value of an Authentication-Results field: no name, folded, no final CRLF. */
  readonly authenticationResults: string;
  /** DKIM-Signature fields that were not tried because there were too many or they were too long. */
  readonly ignoredSignatures: number;
}

const TIME_LIMIT_MS = 10_000;
const DKIM_LOOKUPS = 20;
const DMARC_LOOKUPS = 20;
/** RFC 7208 §4.6.4 counts terms; this bounds the address look-ups under them. */
const SPF_LOOKUPS = 60;

/** Verifies `message` as it came from `peerAddress`; see the file's head for the limits. */
export async function verifyMessage(request: VerifyRequest): Promise<Verification> {
  const { message, section, helo, mailFrom, hostname, clock = systemClock } = request;
  const { fields, ignoredSignatures } = restrainHeader(message, section);
  const signatures = fields === null ? null : await openSignatures(request, fields);
  const deadline = startDeadline(clock);
  try {
    const spfWork = checkSpf(request, createLookup(request.resolver, SPF_LOOKUPS, deadline));
    const authentication = await Promise.race([
      combine(request, signatures, spfWork, deadline),
      deadline.over.then(async () => temporary(await Promise.race([spfWork, unknownSpf(request)]))),
    ]);
    return {
      authentication,
      authenticationResults: authenticationResults(hostname, authentication, { helo, mailFrom }),
      ignoredSignatures,
    };
  } finally {
    deadline.cancel();
  }
}

/** Asks for the keys of what was read, and judges. */
type OpenSignatures = (lookup: Lookup) => Promise<Verified>;

async function openSignatures(
  { message, section, hashBody, share, now }: VerifyRequest,
  fields: readonly LibraryField[],
): Promise<OpenSignatures> {
  const body = message.subarray(section.bodyStart);
  try {
    return await readSignatures(
      fields,
      (wanted) => hashBody(body, wanted, share),
      new Date(now ?? Date.now()),
    );
  } catch (error) {
    // For want of room nothing is judged: that mail is to come again.
    if (error instanceof NoPlace) throw error;
    return () => Promise.reject(error);
  }
}

async function combine(
  { section, resolver }: VerifyRequest,
  signatures: OpenSignatures | null,
  spfWork: Promise<SpfVerdict>,
  deadline: Deadline,
): Promise<Authentication> {
  // A header beyond reason is not given to parsers; it can prove nothing.
  if (signatures === null) {
    return { spf: (await spfWork).spf, dkim: [], dmarc: unproved('permerror'), arc: { result: 'none' } };
  }
  const dkimWork = checkDkim(signatures, createLookup(resolver, DKIM_LOOKUPS, deadline));
  const [{ spf, passed }, dkim] = await Promise.all([spfWork, dkimWork]);
  if (dkim === null) return temporary({ spf, passed });
  const { dmarc, aligned } = await checkDmarc(
    authorOf(section),
    dkim,
    passed,
    createLookup(resolver, DMARC_LOOKUPS, deadline),
  );
  return {
    spf,
    dkim: dkim.signatures.map((one) => ({
      ...one,
      aligned: one.result === 'pass' && aligned.has(one.domain.toLowerCase()),
    })),
    dmarc,
    arc: { result: dkim.arc },
  };
}

interface SpfVerdict {
  readonly spf: Authentication['spf'];
  /** The domain that passed, or null. */
  readonly passed: string | null;
}
function spfIdentity({ mailFrom, helo }: VerifyRequest): { domain: string; scope: 'mfrom' | 'helo' } {
  const at = mailFrom.lastIndexOf('@');
  return at >= 0
    ? { domain: mailFrom.slice(at + 1).toLowerCase(), scope: 'mfrom' }
    : { domain: helo.toLowerCase(), scope: 'helo' };
}
function unknownSpf(request: VerifyRequest): SpfVerdict {
  return { spf: { result: 'temperror', ...spfIdentity(request) }, passed: null };
}
async function checkSpf(request: VerifyRequest, resolver: Lookup): Promise<SpfVerdict> {
  const { mailFrom, helo, peerAddress, hostname } = request;
  const identity = spfIdentity(request);
  try {
    const { spf } = await import('mailauth/lib/spf/index.js');
    const sender = identity.scope === 'mfrom' ? mailFrom : '';
    const { status } = await spf({ resolver, ip: peerAddress, helo, sender, mta: hostname } as never);
    const result = status.result as SpfResult;
    return { spf: { result, ...identity }, passed: result === 'pass' ? identity.domain : null };
  } catch {
    return unknownSpf(request);
  }
}

interface DkimVerdict {
  readonly signatures: DkimSignatureResult[];
  readonly arc: Authentication['arc']['result'];
}
async function checkDkim(signatures: OpenSignatures, lookup: Lookup): Promise<DkimVerdict | null> {
  try {
    const found = await signatures(lookup);
    return {
      signatures: found.signatures.filter(({ status }) => status.result !== 'none').map(signatureResult),
      arc: (['pass', 'fail', 'temperror'] as const).find((one) => one === found.arc) ?? 'none',
    };
  } catch {
    return null;
  }
}
function signatureResult({ signingDomain, selector, algo, status }: LibrarySignature): DkimSignatureResult {
  const known = (['pass', 'fail', 'policy', 'neutral', 'temperror', 'permerror'] as const).find(
    (one) => one === status.result,
  );
  // RFC 6376 §8.2: what follows a partly signed body could be anyone's.
  const partial = known === 'pass' && (status.underSized ?? 0) > 0;
  const reason = partial ? 'body signed in part' : (status.comment ?? status.policy?.['dkim-rules']);
  return {
    result: partial ? 'policy' : (known ?? 'neutral'),
    domain: text(signingDomain).toLowerCase(),
    selector: text(selector),
    algorithm: text(algo),
    aligned: false,
    ...(reason ? { reason: text(reason) } : {}),
  };
}
function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 254) : '';
}

/** The one author's address, as DMARC takes it; null where there is not exactly one, or readers could differ about him. */
function authorOf(section: HeaderSection): string | null {
  if (authorIsOpen(section)) return null;
  const mailboxes = authorMailboxes(findHeader(section.fields, 'from')!.rawValue);
  return mailboxes?.length === 1 ? mailboxes[0]!.address.wire : null;
}

async function checkDmarc(
  author: string | null,
  dkim: DkimVerdict,
  spfDomain: string | null,
  resolver: Lookup,
): Promise<{ dmarc: Authentication['dmarc']; aligned: ReadonlySet<string> }> {
  const none: ReadonlySet<string> = new Set();
  if (author === null) return { dmarc: unproved('permerror'), aligned: none };
  try {
    const { evaluateDmarc } = await import('mailauth/lib/dmarc/index.js');
    const dkimDomains = dkim.signatures.flatMap(({ result, domain }) =>
      result === 'pass' ? [{ id: domain, domain }] : [],
    );
    const { response, dkimAligned } = await evaluateDmarc({
      headerFrom: [author],
      fromFields: 1,
      spfDomains: spfDomain === null ? [] : [spfDomain],
      dkimDomains,
      resolver,
    } as never);
    if (response === false) return { dmarc: unproved('permerror'), aligned: none };
    const { status, policy, alignment } = response as unknown as {
      status: { result: string; header?: { from?: string } };
      policy?: string;
      alignment?: { spf: { result?: string }; dkim: { result?: string } };
    };
    const dmarc: Authentication['dmarc'] = {
      result:
        (['pass', 'fail', 'temperror', 'permerror'] as const).find((one) => one === status.result) ?? 'none',
      policy: (['none', 'quarantine', 'reject'] as const).find((one) => one === policy) ?? null,
      domain: text(status.header?.from).toLowerCase(),
      alignment: { spf: Boolean(alignment?.spf.result), dkim: Boolean(alignment?.dkim.result) },
    };
    return { dmarc, aligned: dkimAligned ?? none };
  } catch {
    return { dmarc: unproved('temperror'), aligned: none };
  }
}
function unproved(result: 'permerror' | 'temperror'): Authentication['dmarc'] {
  return { result, policy: null, domain: '', alignment: { spf: false, dkim: false } };
}
function temporary({ spf }: SpfVerdict): Authentication {
  return { spf, dkim: [], dmarc: unproved('temperror'), arc: { result: 'temperror' } };
}

function startDeadline(clock: Clock): Deadline & { cancel(): void } {
  let passed = false;
  let cancel = () => {};
  const over = new Promise<'over'>((resolve) => {
    const timer = clock.after(TIME_LIMIT_MS, () => {
      passed = true;
      resolve('over');
    });
    cancel = () => timer.cancel();
  });
  return {
    over,
    get passed() {
      return passed;
    },
    cancel: () => cancel(),
  };
}
