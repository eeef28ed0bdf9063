/**
 * One suite that every engine must pass. `open` opens the store of a directory; called again, it opens the
 * same store.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { Store } from '../store.ts';
import { accessConformance } from './access-conformance.ts';
import { capsConformance } from './caps-conformance.ts';
import { deliveriesConformance } from './deliveries-conformance.ts';
import { dnsAccountsConformance } from './dns-accounts-conformance.ts';
import { domainsConformance } from './domains-conformance.ts';
import { edjConformance } from './edj-conformance.ts';
import { expectationsConformance } from './expectations-conformance.ts';
import { iamConformance } from './iam-conformance.ts';
import { ledgerConformance } from './ledger-conformance.ts';
import { limitsConformance } from './limits-conformance.ts';
import { peopleConformance } from './people-conformance.ts';
import { retentionConformance } from './retention-conformance.ts';
import { type Calls, noting, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW } from './samples.ts';
import { secretKeyConformance } from './secret-key-conformance.ts';
import { shortLivedConformance } from './short-lived-conformance.ts';
import { spoolConformance } from './spool-conformance.ts';

export function storeConformance({
  name,
  open,
}: {
  name: string;
  open: (directory: string) => Promise<Store>;
}): void {
  function directoryFor(t: TestContext): string {
    const directory = mkdtempSync(join(tmpdir(), 'hikyaku-store-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    return directory;
  }
  const calls: Calls = { had: new Set(), made: new Set() };
  const with_: WithStore = (title, body) =>
    test(title, async (t) => {
      await using store = await open(directoryFor(t));
      await body(noting(store, calls));
    });
  describe(name, () => {
    iamConformance(with_);
    domainsConformance(with_);
    dnsAccountsConformance(with_);
    ledgerConformance(with_);
    limitsConformance(with_);
    spoolConformance(with_);
    edjConformance(with_);
    deliveriesConformance(with_);
    peopleConformance(with_);
    accessConformance(with_);
    retentionConformance(with_);
    capsConformance(with_);
    secretKeyConformance(with_);
    shortLivedConformance(with_);
    expectationsConformance(with_);
    with_('a transaction is atomic and a batch is not one fate', async (store) => {
      const p = await make.withProject(store);
      const t = make.topic(p);
      await store.transact(p.id, (tx) => tx.insertTopic(t));
      const messages = [make.message(p), make.message(p), make.message(p)];
      const results = await Promise.allSettled(
        messages.map((m, i) =>
          store.transact(p.id, (tx) => {
            tx.insertMessage(m);
            tx.insertRecipient(make.recipient(m));
            if (i === 1) tx.insertTopic(make.topic(p));
          }),
        ),
      );
      assert.deepEqual(
        results.map((r) => r.status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.notEqual(await store.read.message(p.id, messages[0]!.id), null);
      assert.equal(await store.read.message(p.id, messages[1]!.id), null);
      assert.equal(
        (await store.read.due([{ project: p.id, lane: 'example.net' }], NOW, 9, new Set()))[0]!.rows.length,
        2,
      );
      const thrown = make.message(p);
      await assert.rejects(
        store.transact(p.id, (tx) => {
          tx.insertMessage(thrown);
          throw new RangeError('changed its mind');
        }),
        RangeError,
      );
      assert.equal(await store.read.message(p.id, thrown.id), null);
      await store.transact(p.id, () => {});
    });
    test('closing commits what has gathered, and opening again finds it', async (t) => {
      const directory = directoryFor(t);
      const p = make.project();
      const m = make.message(p);
      const store = await open(directory);
      const writing = store.transact(p.id, (tx) => {
        tx.insertProject(p);
        tx.insertMessage(m);
      });
      await store[Symbol.asyncDispose]();
      await writing;
      await using again = await open(directory);
      assert.deepEqual(await again.read.message(p.id, m.id), m);
      await assert.rejects(
        store.transact(p.id, (tx) => tx.insertProject(p)),
        { name: 'StoreError', retryable: false },
      );
    });
    test('every method of the interfaces was called', () => {
      assert.deepEqual(
        [...calls.had].filter((name) => !calls.made.has(name)),
        [],
      );
    });
  });
}
