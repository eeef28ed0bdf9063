/**
 * One verdict on a received message: SPF (RFC 7208), DKIM (RFC 6376, 8301, 8463), DMARC (RFC 7489 and its successor) and
 * ARC (RFC 8617), worked out by mailauth, which is loaded at the first message. Never throws; what cannot be known now
 * is temperror. Invariants: 10 signatures, 20 look-ups for DKIM and ARC, 20 for DMARC, those of RFC 7208 for SPF, 10 s
 * in all; sha1, keys under 1,024 bits and partly signed bodies (l=) never pass; a message without exactly one From
 * address never passes DMARC.
 */
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { Resolver } from '../runtime/resolver.ts';
import type { Authentication, DkimSignatureResult, SpfResult } from './authentication.ts';
import { authenticationResults } from './authentication-results.ts';
import { bodyOffset } from './canonical.ts';
import { createLookup, type Deadline, type Lookup } from './lookups.ts';
import { restrainHeader } from './restrain-header.ts';

export interface VerifyRequest {
  readonly message: Buffer;
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

/** Octets of the message worked on at a time. */
const PIECE = 64 * 1024;
const TIME_LIMIT_MS = 10_000;
const DKIM_LOOKUPS = 20;
const DMARC_LOOKUPS = 20;
/** RFC 7208 §4.6.4 counts terms; this bounds the address look-ups under them. */
const SPF_LOOKUPS = 60;

/** Verifies `message` as it came from `peerAddress`; see the file's head for the limits. */
export async function verifyMessage(request: VerifyRequest): Promise<Verification> {
  const { message, helo, mailFrom, hostname, clock = systemClock } = request;
  const deadline = startDeadline(clock);
  try {
    const restrained = restrainHeader(message, bodyOffset(message));
    const spfWork = checkSpf(request, createLookup(request.resolver, SPF_LOOKUPS, deadline));
    const authentication = await Promise.race([
      combine(request, restrained.message, spfWork, deadline),
      deadline.over.then(async () => temporary(await Promise.race([spfWork, unknownSpf(request)]))),
    ]);
    return {
      authentication,
      authenticationResults: authenticationResults(hostname, authentication, { helo, mailFrom }),
      ignoredSignatures: restrained.ignoredSignatures,
    };
  } finally {
    deadline.cancel();
  }
}

async function combine(
  request: VerifyRequest,
  message: Buffer | null,
  spfWork: Promise<SpfVerdict>,
  deadline: Deadline,
): Promise<Authentication> {
  // A header beyond reason is not given to parsers; it can prove nothing.
  if (message === null) {
    return { spf: (await spfWork).spf, dkim: [], dmarc: unproved('permerror'), arc: { result: 'none' } };
  }
  const lookup = createLookup(request.resolver, DKIM_LOOKUPS, deadline);
  const dkimWork = checkDkim(request, message, lookup, deadline);
  const [{ spf, passed }, dkim] = await Promise.all([spfWork, dkimWork]);
  if (dkim === null) return temporary({ spf, passed });
  const { dmarc, aligned } = await checkDmarc(
    dkim,
    passed,
    createLookup(request.resolver, DMARC_LOOKUPS, deadline),
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
  readonly fromAddresses: readonly string[];
  readonly fromFields: number;
  readonly arc: Authentication['arc']['result'];
}
/** What mailauth tells of a signature, as far as we read it. */
interface MailauthSignature {
  readonly signingDomain?: string;
  readonly selector?: string;
  readonly algo?: string;
  readonly status: {
    readonly result: string;
    readonly comment?: string;
    readonly underSized?: number;
    readonly policy?: Record<string, string>;
  };
}
async function checkDkim(
  request: VerifyRequest,
  message: Buffer,
  resolver: Lookup,
  deadline: Deadline,
): Promise<DkimVerdict | null> {
  try {
    const [{ dkimVerify }, { arc }] = await Promise.all([
      import('mailauth/lib/dkim/verify.js'),
      import('mailauth/lib/arc/index.js'),
    ]);
    const options = {
      resolver,
      minBitLength: 1024,
      rejectRsaSha1: true,
      curTime: new Date(request.now ?? Date.now()),
    };
    const verified = (await dkimVerify(
      Readable.from(pieces(message, deadline)),
      options as never,
    )) as unknown as {
      results: MailauthSignature[];
      headerFrom: string[];
      fromFields: number;
      arc: never;
    };
    const chain = (await arc(verified.arc, { resolver, minBitLength: 1024 } as never)) as {
      status: { result: string };
    };
    const signatures = verified.results.filter(({ status }) => status.result !== 'none').map(signatureResult);
    return {
      signatures,
      fromAddresses: verified.headerFrom,
      fromFields: verified.fromFields,
      arc: (['pass', 'fail', 'temperror'] as const).find((one) => one === chain.status.result) ?? 'none',
    };
  } catch {
    return null;
  }
}
/**
 * The message cut at line ends, the event loop free between the pieces. Never within a line: the library copies what is
 * left of an unfinished line with each piece, which is quadratic on a line of megabytes.
 */
async function* pieces(message: Buffer, deadline: Deadline): AsyncGenerator<Buffer> {
  for (let start = 0; start < message.length && !deadline.passed; ) {
    const end = message.indexOf('\n', start + PIECE, 'latin1');
    const stop = end < 0 ? message.length : end + 1;
    yield message.subarray(start, stop);
    start = stop;
    await setImmediate();
  }
}
function signatureResult({ signingDomain, selector, algo, status }: MailauthSignature): DkimSignatureResult {
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

async function checkDmarc(
  dkim: DkimVerdict,
  spfDomain: string | null,
  resolver: Lookup,
): Promise<{ dmarc: Authentication['dmarc']; aligned: ReadonlySet<string> }> {
  const none: ReadonlySet<string> = new Set();
  if (dkim.fromFields !== 1 || dkim.fromAddresses.length !== 1)
    return { dmarc: unproved('permerror'), aligned: none };
  try {
    const { evaluateDmarc } = await import('mailauth/lib/dmarc/index.js');
    const dkimDomains = dkim.signatures.flatMap(({ result, domain }) =>
      result === 'pass' ? [{ id: domain, domain }] : [],
    );
    const { response, dkimAligned } = await evaluateDmarc({
      headerFrom: dkim.fromAddresses,
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
