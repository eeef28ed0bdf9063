/**
 * For tests: an SMTP listener on a free loopback port with a clock moved by hand and a receiver that takes everything,
 * answers as it is told and remembers who it was asked about. Disposing checks that no socket and no timer is left.
 * Imported by tests only.
 */
import assert from 'node:assert/strict';
import { silentLogger } from '../runtime/logger.ts';
import type { NoticeKind } from '../runtime/notices.ts';
import { perWidth } from '../runtime/rates.ts';
import { createSlots, type Slots } from '../runtime/slots.ts';
import { createTlsContext, makeSelfSigned } from '../runtime/tls.ts';
import { reply } from '../smtp/reply.ts';
import { createByteBudget } from '../smtp/server/byte-budget.ts';
import { createSmtpListener, type ListenerOptions, type SmtpListener } from '../smtp/server/listener.ts';
import type { Connection, Receiver, Transaction } from '../smtp/server/receiver.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { condition, type WireClient } from './wire-client.ts';

/** The one address whose PROXY headers are believed. */
export const PROXY = '127.0.0.9';
const pair = await makeSelfSigned('mx.example.test', Date.UTC(2026, 0, 1));
const context = createTlsContext({ ...pair, minVersion: 'TLSv1.2', clients: 'servers' });

export interface Rig extends AsyncDisposable {
  readonly listener: SmtpListener;
  readonly clock: FakeClock;
  readonly port: number;
  /** Who the receiver was asked about, at connect and at MAIL. */
  readonly connected: string[];
  readonly mailed: Connection[];
  readonly aborted: () => number;
  readonly stop: AbortController;
  readonly slots: Slots;
  /** What the operator was told. */
  readonly notices: { kind: NoticeKind; address: string; session: string }[];
}
export interface Answers {
  connect?: () => Promise<unknown>;
  rcpt?: Transaction['rcpt'];
  data?: Transaction['data'];
}
export async function openRig(options: Partial<ListenerOptions> = {}, answers: Answers = {}): Promise<Rig> {
  const clock = createFakeClock();
  const connected: string[] = [];
  const mailed: Connection[] = [];
  const counts = { aborted: 0 };
  const receiver: Receiver = {
    async connect({ remoteAddress, remotePort }) {
      connected.push(`${remoteAddress} ${remotePort}`);
      return { ok: true, value: (await answers.connect?.()) ?? null };
    },
    authenticate: async () => ({ ok: true, value: {} }),
    async mail(connection) {
      mailed.push({ ...connection });
      return {
        ok: true,
        value: {
          sizeLimit: 10_000_000,
          rcpt: answers.rcpt ?? (async () => ({ ok: true, value: null })),
          data: answers.data ?? (async () => reply(250, '2.0.0', 'accepted')),
          abort: () => void counts.aborted++,
        },
      };
    },
  };
  const slots =
    options.slots ??
    createSlots({ most: options.maxConnections ?? 5_000, parts: perWidth(options.maxPerAddress ?? 50) });
  const notices: Rig['notices'] = [];
  const listener = createSmtpListener({
    role: 'mx',
    host: '127.0.0.1',
    port: 0,
    secureContext: () => context,
    receiver,
    hostname: 'mx.example.test',
    budget: createByteBudget(clock),
    clock,
    logger: silentLogger,
    announcedSize: () => 10_000_000,
    authNeeds: () => null,
    trustedProxy: (address) => address === PROXY,
    slots,
    notices: { tell: (kind, address, session) => void notices.push({ kind, address, session }) },
    ...options,
  });
  const stop = new AbortController();
  await listener.start(stop.signal);
  return {
    listener,
    clock,
    port: listener.port,
    connected,
    mailed,
    aborted: () => counts.aborted,
    stop,
    slots,
    notices,
    async [Symbol.asyncDispose]() {
      const disposed = listener[Symbol.asyncDispose]();
      await clock.advance(20_000);
      await disposed;
      assert.equal(listener.connections, 0);
      assert.equal(clock.pending, 0, 'a timer was left');
    },
  };
}
/** Moves the clock and expects the client to be there still, then on to its end. */
export async function endsAt(ms: number, { clock, listener }: Rig, client: WireClient): Promise<string> {
  await condition(() => listener.connections > 0);
  await clock.advance(ms - 1);
  assert.equal(client.socket.destroyed, false, `closed before ${ms} ms`);
  assert.ok(listener.connections > 0, `closed before ${ms} ms`);
  await clock.advance(2_000);
  return client.closed;
}
