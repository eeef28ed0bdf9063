/**
 * The socket under a connection: drives the dialogues over it, with TLS and deadlines. Invariants: at most one dialogue
 * runs at a time; after a LinkFault or an unasked-for octet the link is closed and `usable` stays false; plaintext
 * buffered at STARTTLS is dropped.
 */
import { isIP, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Timer } from '../../runtime/clock.ts';
import { BLOCK, inBlocks } from './blocks.ts';
import {
  type Adapted,
  type Answer,
  type Dialogue,
  LinkFault,
  type OutgoingTransaction,
  type Phase,
  type Step,
} from './dialogue.ts';
import type { Candidate, ConnectionDeps, TlsFacts } from './peer.ts';
import { createReplyParser, ProtocolFault, printable, type ServerReply } from './reply-parser.ts';
import { STOPPED } from './verdicts.ts';

/** Blocks in one turn of the loop. */
const TURN = 4;
/** Octets a server may say while it is not listened to: it has said nothing of use by then. */
const MAX_UNREAD = 65_536;

export function createLink(plain: Socket, candidate: Candidate, deps: ConnectionDeps) {
  const { clock, timeouts } = deps;
  const parser = createReplyParser();
  let socket: Socket | TLSSocket = plain;
  let tls: TlsFacts | null = null;
  let usable = true;
  /** The dialogue under way: resumed with an answer or a fault. */
  let running: { answer(answer: Answer): void; fault(fault: LinkFault): void } | null = null;
  /** Waiting for a reply (not for TLS or for nothing). */
  let waiting = false;
  let writing = false;
  /** The system has the last octets of the message. A socket that breaks forgets how many it still had. */
  let flushed = true;
  /** From STARTTLS to the first word under TLS: a server that fails there has failed at TLS, not at SMTP. */
  let securing = false;
  let timer: Timer | null = null;
  let deadline = Number.POSITIVE_INFINITY;
  let phase: string = 'connect';

  /** Octets of the step are certainly still on this machine. */
  const isUnsent = () => writing || !flushed || socket.writableLength > 0;
  function expect(what: Phase | 'secure' | 'block'): void {
    phase = what;
    deadline = clock.monotonic() + timeouts[what];
    if (timer === null) arm(timeouts[what]);
    else if (what === 'secure' || what === 'quit') {
      timer.cancel();
      arm(timeouts[what]);
    }
  }
  /** One timer for the connection's life, looked at when it fires: no timer is made per reply. */
  function arm(ms: number): void {
    timer = clock.after(Math.min(ms, 60_000), () => {
      timer = null;
      if (!usable || running === null) return;
      const left = deadline - clock.monotonic();
      if (left <= 0) broken(new LinkFault(securing ? 'tls' : 'timeout', `timed out (${phase})`, isUnsent()));
      else arm(left);
    });
  }
  function broken(fault: LinkFault): void {
    usable = false;
    timer?.cancel();
    timer = null;
    socket.destroy();
    if (plain !== socket) plain.destroy();
    const dialogue = running;
    const said = waiting ? parser.begun() : dialogue !== null && fault.reply === null ? unheard() : null;
    const waited = waiting;
    running = null;
    waiting = false;
    // Behind the final dot the code that a cut-off reply began with decides: sent again, the mail might come twice.
    // Before it, RFC 5321 §3.8 counts: a broken link is a 451, and the words missing might say what the refusal is of.
    if (waited && said !== null && phase === 'final' && !writing)
      dialogue?.answer({ kind: 'reply', reply: said });
    else dialogue?.fault(said !== null && said.code >= 400 ? withReply(fault, said) : fault);
  }
  /** What the server has said and nobody has read yet, for people. */
  function unheard(): ServerReply | null {
    try {
      return parser.next() ?? parser.begun();
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error;
      return null;
    }
  }
  /** The server speaks, although it was not asked. Mostly it says that it closes. */
  function early(asked: Phase): LinkFault {
    const reply = unheard();
    if (reply?.code === 421) return new LinkFault('closed', 'the server is closing', true, reply);
    const what = asked === 'final' ? 'the message before it was sent' : 'before it was asked';
    const words = reply !== null && reply.code >= 400 ? reply : null;
    return new LinkFault('protocol', `the server answered ${what}`, true, words);
  }
  function onData(chunk: Buffer): void {
    if (!usable) return;
    if (running === null) {
      broken(new LinkFault('protocol', 'the server spoke unasked'));
      return;
    }
    parser.push(chunk);
    deliverReplies();
    if (usable && parser.buffered() > MAX_UNREAD)
      broken(new LinkFault('protocol', 'the server says more than it was asked', isUnsent()));
  }
  function deliverReplies(): void {
    try {
      while (waiting && running !== null) {
        const reply = parser.next(phase === 'final');
        if (reply === null) return;
        waiting = false;
        securing = false;
        if (reply.unfinished === true) usable = false;
        // A message that has not been sent yet cannot have been taken.
        if (writing && reply.code < 300) {
          broken(new LinkFault('protocol', 'the server took the message before it was sent', true));
          return;
        }
        // What is still to be written would be taken for commands.
        if (writing) usable = false;
        running.answer({ kind: 'reply', reply });
      }
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error;
      broken(new LinkFault(securing ? 'tls' : 'protocol', error.message, isUnsent()));
    }
  }
  const onClose = () =>
    broken(new LinkFault(securing ? 'tls' : 'closed', `connection lost (${phase})`, isUnsent()));
  function onError(error: Error): void {
    const what = securing ? 'tls' : 'network';
    broken(new LinkFault(what, `${securing ? 'TLS' : 'connection'}: ${causeOf(error)}`, isUnsent()));
  }
  function attach(target: Socket): void {
    target.on('data', onData);
    target.on('close', onClose);
    target.on('end', onClose);
    target.on('error', onError);
  }
  attach(plain);

  function secure(): void {
    expect('secure');
    securing = true;
    parser.drop(); // RFC 3207 §4.2
    plain.removeListener('data', onData);
    plain.removeListener('end', onClose);
    plain.removeListener('close', onClose);
    const required = candidate.tls === 'starttls' || candidate.tls === 'implicit';
    const name = isIP(candidate.host) === 0 ? candidate.host : undefined;
    const upgraded = connectTls({
      socket: plain,
      host: candidate.host,
      servername: name,
      rejectUnauthorized: false, // judged below: a certificate nobody vouches for still beats clear text (RFC 7435)
      secureContext: required ? deps.contexts.required : deps.contexts.opportunistic,
    });
    socket = upgraded;
    attach(upgraded);
    upgraded.once('secureConnect', () => {
      tls = {
        version: upgraded.getProtocol() ?? 'unknown',
        cipher: upgraded.getCipher().name,
        verified: upgraded.authorized,
      };
      if (candidate.verify && !upgraded.authorized)
        broken(new LinkFault('tls', refusalOf(candidate.host, upgraded.authorizationError)));
      else running?.answer({ kind: 'secured' });
    });
  }

  function write(send: string | Iterable<Buffer>, then: Phase): void {
    if (typeof send === 'string') {
      socket.write(send);
      return;
    }
    const blocks = inBlocks(send);
    const first = blocks.next();
    if (first.done) return;
    writing = true;
    void writeBlocks(first.value, blocks, then);
  }
  /** What is no longer `writing` has all been handed to the socket: the server may answer it in the same turn. */
  async function writeBlocks(first: Buffer, rest: Iterator<Buffer, void>, then: Phase): Promise<void> {
    let block = first;
    for (let count = 1; usable; count += 1) {
      const next = rest.next();
      if (next.done === true) {
        writing = false;
        expect(then);
        flushed = false;
        // As a copy, where it is part of the whole message: a server that does not read it holds no more than this.
        socket.write(block.buffer.byteLength > 2 * BLOCK ? Buffer.from(block) : block, (error) => {
          if (!error) flushed = true;
        });
        return;
      }
      await writeBlock(block);
      // A peer on this machine takes as quickly as is written: others have their turn, too.
      if (count % TURN === 0) await setImmediate();
      block = next.value;
    }
  }
  /** RFC 5321 §4.5.3.2.5: each block has its own deadline. */
  async function writeBlock(block: Buffer): Promise<void> {
    expect('block');
    const target = socket;
    if (target.write(block)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        target.removeListener('drain', done);
        target.removeListener('close', done);
        resolve();
      };
      target.on('drain', done);
      target.on('close', done);
    });
  }

  /** Time spent on this side is not the server's. */
  function make(content: OutgoingTransaction['content']): void {
    const dialogue = running;
    deadline = Number.POSITIVE_INFINITY;
    content().then(
      (made) => {
        if (running !== dialogue) return;
        made.signal?.addEventListener('abort', () => {
          if (running !== dialogue || !isUnsent()) return;
          broken(new LinkFault('content', 'the server takes it too slowly, and others wait', true));
        });
        dialogue?.answer({ kind: 'content', content: made });
      },
      (error: unknown) => {
        if (running === dialogue) broken(new LinkFault('content', `no message: ${causeOf(error)}`, true));
      },
    );
  }

  function adapt(make: () => Promise<Adapted>): void {
    const dialogue = running;
    deadline = Number.POSITIVE_INFINITY;
    make().then(
      (adapted) => {
        if (running === dialogue) dialogue?.answer({ kind: 'adapted', adapted });
      },
      (error: unknown) => {
        if (running === dialogue) broken(new LinkFault('content', `no message: ${causeOf(error)}`, true));
      },
    );
  }

  function run<T>(dialogue: Dialogue<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      function advance(move: () => IteratorResult<Step, T>): void {
        let result: IteratorResult<Step, T>;
        try {
          result = move();
        } catch (error) {
          running = null;
          reject(error);
          return;
        }
        if (result.done) {
          running = null;
          deadline = Number.POSITIVE_INFINITY;
          resolve(result.value);
          return;
        }
        const step = result.value;
        if (step.kind === 'secure') {
          secure();
          return;
        }
        if (step.kind === 'content') {
          make(step.make);
          return;
        }
        if (step.kind === 'adapt') {
          adapt(step.make);
          return;
        }
        expect(step.phase);
        if (step.phase === 'starttls') securing = true;
        // A reply to what was not sent yet would be taken for the reply to it, and each one after it likewise.
        if (step.send !== null && parser.pending()) {
          broken(early(step.phase));
          return;
        }
        if (step.send !== null) write(step.send, step.phase);
        waiting = true;
      }
      running = {
        answer: (answer) => advance(() => dialogue.next(answer)),
        fault: (fault) => advance(() => dialogue.throw(fault)),
      };
      if (!usable) {
        running = null;
        // A generator not yet begun would only throw; begin it, so that it can make verdicts of the fault.
        advance(() => {
          const first = dialogue.next();
          return first.done ? first : dialogue.throw(new LinkFault('closed', 'connection lost', true));
        });
        return;
      }
      advance(() => dialogue.next());
      deliverReplies();
    });
  }

  return {
    run,
    tls: () => tls,
    usable: () => usable && socket.writable && !parser.pending(),
    quit() {
      if (!usable) return;
      usable = false;
      timer?.cancel();
      socket.end('QUIT\r\n');
      timer = clock.after(timeouts.quit, () => socket.destroy());
      socket.once('close', () => timer?.cancel());
      socket.resume();
    },
    /** What is under way ends with that cause. */
    stop: () => broken(new LinkFault('stopped', STOPPED, isUnsent())),
    destroy() {
      usable = false;
      timer?.cancel();
      timer = null;
      socket.destroy();
      plain.destroy();
    },
  };
}

/** Only routes of the operator are verified: who reads it is told what to do. */
function refusalOf(host: string, error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  const why = printable(String(code ?? message ?? error)).slice(0, 100);
  return `the certificate of ${host} is not accepted (${why}): it must name ${host}, be in date and come from a known authority; NODE_EXTRA_CA_CERTS adds an authority, ?verify=no in HIKYAKU_ROUTES turns the check off`;
}
function withReply({ what, message, unsent }: LinkFault, reply: ServerReply): LinkFault {
  return new LinkFault(what, message, unsent, reply);
}
/** A short cause for people: the system's code where there is one. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { code } = error as { code?: unknown };
  return printable(typeof code === 'string' ? code : error.message).slice(0, 200);
}
