/** Stores in which a secret key has sealed everything that can be sealed, for tests. */
import { generateKeyPairSync } from 'node:crypto';
import { sealedKey } from '../domains/dkim-keys.ts';
import { sealSettings } from '../domains/dns-providers/accounts.ts';
import { dnsProviderOf } from '../domains/dns-providers/kinds.ts';
import type { DkimKeyState } from '../domains/mta-domains.ts';
import { http } from '../edj/kinds/http.ts';
import { sealNew } from '../edj/kinds/sealed.ts';
import { createTotp } from '../iam/one-time-codes.ts';
import { createStaticKey } from '../iam/static-keys.ts';
import { createProjectEvents } from '../intake/project-events.ts';
import { systemClock } from '../runtime/clock.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer, type Sealer } from '../runtime/sealing.ts';
import { acceptLoss, finish, type LossDeps } from '../sealed/accept-loss.ts';
import { type Made, madeBy } from '../sealed/made.ts';
import { tryAll } from '../sealed/try-all.ts';
import * as make from '../store/conformance/samples.ts';
import type { Store } from '../store/store.ts';

export const RIGHT = createSealer(Buffer.alloc(32, 1));
export const WRONG = createSealer(Buffer.alloc(32, 2));
const random = createRandom();
const ED25519 = generateKeyPairSync('ed25519').privateKey;

/** A project that uses everything that is sealed, with this key. */
export async function inhabit(
  store: Store,
  sealer: Sealer,
  name: string,
  dkimStates: DkimKeyState[] = ['active'],
) {
  const p = await make.withProject(store, { name });
  const t = make.topic(p);
  const o = make.owned(p, `${name}.test`, { verifiedAt: make.NOW });
  const d = make.domain(o, t, { dkimEnabled: true });
  const keys = dkimStates.map((state, i) =>
    sealedKey(
      { random, sealer, clock: systemClock },
      { projectId: p.id, domainId: d.id },
      `s${i}`,
      ED25519,
      state,
    ),
  );
  const id = random.id<'subscriber'>();
  const { told, ...sealed } = sealNew({ sealer, random }, { id }, http, {
    url: 'https://hook.test/',
    inline: false,
  });
  const subscriber = { ...make.subscriber(t), id, ...sealed };
  const place = { projectId: p.id, id: random.id<'dns-account'>() };
  const provider = dnsProviderOf('cloudflare')!;
  const account = {
    ...place,
    provider: 'cloudflare' as const,
    name: 'dns',
    ...sealSettings(sealer, place, provider, { api_token: 'token' }),
    createdAt: make.NOW,
  };
  const codes = (email: string) => ({
    ...make.member({ email, password: 'p' }),
    totp: { sealedSecret: createTotp({ random, sealer }, 'x', email).sealed, lastStep: 1 },
  });
  const [alone, withPasskey] = [codes(`alone@${name}.test`), codes(`passkey@${name}.test`)];
  const client = make.client(p);
  const { key, secret } = await createStaticKey(
    { random, sealer, now: make.NOW },
    { projectId: p.id, apiClientId: client.id, expiresAt: null },
  );
  await store.transact(p.id, (tx) => {
    tx.insertTopic(t);
    tx.insertOwnedDomain(o);
    tx.insertDomain(d);
    for (const one of keys) tx.insertDkimKey(one);
    tx.insertSubscriber(subscriber);
    tx.insertDnsAccount(account);
    tx.insertApiClient(client);
    tx.insertStaticKey(key);
    for (const m of [alone, withPasskey]) {
      tx.insertMember(m);
      tx.setRecoveryCodes(m.id, [Buffer.from(`code of ${m.email}`)]);
    }
    tx.insertPasskey(make.passkey(withPasskey, { credentialId: name }));
  });
  return { p, d, keys, t, subscriber, told, account, alone, withPasskey, key, secret };
}
export function lossDeps(store: Store, sealer: Sealer): LossDeps {
  const { read } = store;
  const projectEvents = createProjectEvents({ read, clock: systemClock, random, published: () => {} });
  return { read, transactor: store, sealer, clock: systemClock, random, dkimZone: null, projectEvents };
}

/** What `hikyaku secret-key replace` does; `show` stands for its output. */
export async function replaceAll(
  store: Store,
  sealer: Sealer,
  show: (made: Made) => void = () => {},
): Promise<Made> {
  const deps = lossDeps(store, sealer);
  const replacement = await acceptLoss(deps, (await tryAll(store.read, sealer)).lost);
  const made = await madeBy(deps, replacement);
  show(made);
  await finish(deps, replacement);
  return made;
}
