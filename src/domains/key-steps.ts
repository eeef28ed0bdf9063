/**
 * The changes to a domain's keys after a DNS check: state changes, new successors, and the events about both. They
 * are prepared outside the transaction and recorded in it. Invariants: those of rotation.ts; keys of a domain that
 * was never checked do not change.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Resolver } from '../runtime/resolver.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { KeyEventContent } from './announce.ts';
import { delegationTarget, freeSelector, keyRecord } from './delegation.ts';
import { sightKey } from './dkim-check.ts';
import { isRevoked, kindOf, makeDkimKey } from './dkim-keys.ts';
import { finding, inWords, type Words } from './findings.ts';
import type { DkimKey, DomainTx, MtaDomain } from './mta-domains.ts';
import { dueForRotation, type KeyMove, recordMayGoAt, stepKeys } from './rotation.ts';

export interface KeyStepDeps {
  /** All of these resolvers must see a key before it signs. */
  readonly resolvers: readonly Resolver[];
  readonly sealer: Sealer;
  readonly random: Random;
  readonly clock: Clock;
  /** Zone of delegated keys (delegation.ts), or null. */
  readonly dkimZone: string | null;
}
export interface KeySteps {
  readonly moves: readonly KeyMove[];
  /** Retired keys whose selectors the fresh keys take over. */
  readonly gone: readonly DkimKey[];
  readonly fresh: readonly DkimKey[];
  readonly events: readonly KeyEventContent[];
}

/** `rotate`: also makes the successors that are due. */
export async function prepareKeySteps(
  deps: KeyStepDeps,
  domain: MtaDomain,
  keys: readonly DkimKey[],
  rotate: boolean,
): Promise<KeySteps> {
  const pending = keys.filter(({ state }) => state === 'pending');
  const sightings = new Map(
    await Promise.all(
      pending.map(async (key) => [key.id, await sightKey(deps.resolvers, domain.name, key)] as const),
    ),
  );
  const now = deps.clock.now();
  const moves = stepKeys(keys, sightings, now);
  const { dkimZone } = deps;
  const due =
    rotate && domain.dkimEnabled && !moves.some(({ key }) => key.state === 'active')
      ? dueForRotation(keys, domain.dkimRotationDays, now)
      : [];
  const after = keys.map((key) => moves.find((move) => move.key.id === key.id)?.key ?? key);
  const fresh: DkimKey[] = [];
  for (const key of due) {
    const selector =
      delegationTarget(key, domain.name, dkimZone) === null ? undefined : freeSelector(after, key.algorithm);
    // Both names are in use: the successor is made after the older key has retired.
    if (selector === null) continue;
    fresh.push(
      await makeDkimKey(deps, domainOf(key), kindOf(key), selector === undefined ? {} : { selector }),
    );
  }
  const events = [
    ...moves.flatMap((move) => tellMove(domain, move, moves, dkimZone)),
    ...fresh.map((key) => tellPending(domain, key, after, dkimZone)),
  ];
  return { moves, gone: replacedBy(fresh, after), fresh, events };
}
export function recordKeySteps(tx: DomainTx, { moves, gone, fresh }: KeySteps): void {
  for (const { key, from } of moves) tx.moveDkimKey(key, from);
  for (const key of gone) tx.deleteDkimKey(key.projectId, key.domainId, key.id);
  for (const key of fresh) tx.insertDkimKey(key);
}
/** The retired keys with the selector of a fresh key: a domain has each selector only once. */
export function replacedBy(fresh: readonly DkimKey[], keys: readonly DkimKey[]): DkimKey[] {
  const taken = new Set(fresh.map(({ selector }) => selector));
  return keys.filter(({ state, selector }) => state === 'retired' && taken.has(selector));
}

function domainOf({ projectId, domainId }: DkimKey): Pick<DkimKey, 'projectId' | 'domainId'> {
  return { projectId, domainId };
}
function about(domain: MtaDomain, key: DkimKey, zone: string | null) {
  return { domain: domain.name, selector: key.selector, record: keyRecord(key, domain.name, zone) };
}
/** Also used for a key that somebody has created. */
export function tellPending(
  domain: MtaDomain,
  key: DkimKey,
  keys: readonly DkimKey[],
  zone: string | null,
): KeyEventContent {
  return { ...about(domain, key, zone), stage: 'pending', ...keyWords(domain, key, keys, zone) };
}
/** Also used for a key that somebody has revoked. */
export function tellRetired(domain: MtaDomain, key: DkimKey, zone: string | null): KeyEventContent {
  return { ...about(domain, key, zone), stage: 'retired', ...keyWords(domain, key, [], zone) };
}
function tellMove(
  domain: MtaDomain,
  { key, from }: KeyMove,
  all: readonly KeyMove[],
  zone: string | null,
): KeyEventContent[] {
  const content = about(domain, key, zone);
  if (key.state === 'retired') return [tellRetired(domain, key, zone)];
  if (key.state !== 'active' || from !== 'pending') return [];
  const old = all
    .filter((move) => move.key.state === 'retiring' && move.key.algorithm === key.algorithm)
    .map((move) => keyWords(domain, move.key, [], zone));
  // The check that moved the key has seen it; the domain still has the check before.
  const words = [keyWords({ ...domain, dns: null }, key, [], zone), ...old];
  return [
    {
      ...content,
      stage: 'active',
      message: words.map(({ message }) => message).join(' '),
      message_ja: words.map(({ message_ja: text }) => text).join(''),
    },
  ];
}

/**
 * The text about a key: its state, and what to do about its record. `keys`: all keys of the domain; a pending key does not
 * wait if none of its algorithm signs (rotation.ts).
 */
export function keyWords(
  domain: MtaDomain,
  key: DkimKey,
  keys: readonly DkimKey[],
  zone: string | null,
): Words {
  const { type, name, value } = keyRecord(key, domain.name, zone);
  const delegated = type === 'CNAME';
  const waits = keys.some(({ state, algorithm }) => state === 'active' && algorithm === key.algorithm);
  switch (key.state) {
    case 'pending':
      if (key.seenSince !== null)
        return waits
          ? {
              message: `The record ${name} is published. The key begins to sign by itself after it has been seen for five days.`,
              message_ja: `レコード ${name} は公開済みです。5 日間続けて確認されると、この鍵での署名が自動で始まります。`,
            }
          : {
              message: `The record ${name} is published. No other key of its algorithm signs, so the key begins to sign at the next check that sees it.`,
              message_ja: `レコード ${name} は公開済みです。同じアルゴリズムで署名中の鍵がないため、次の確認でこの鍵での署名が始まります。`,
            };
      return pendingWords(name, delegated ? value : null, waits);
    case 'active': {
      const missed = missedBy(domain, type, name);
      return missed === null
        ? {
            message: `The service signs mail with ${key.selector}. Keep the record ${name}.`,
            message_ja: `${key.selector} で署名しています。レコード ${name} を残してください。`,
          }
        : {
            message: `The service signs mail with ${key.selector}, but the last check did not find its key in DNS. ${missed.message}`,
            message_ja: `${key.selector} で署名していますが、最後の確認では DNS に鍵が見つかりませんでした。${missed.message_ja}`,
          };
    }
    case 'retiring': {
      const day = new Date(recordMayGoAt(key)!).toISOString().slice(0, 10);
      return delegated
        ? {
            message: `The service no longer signs with ${key.selector}. Its key stays published until ${day}, for mail that is still on its way. Keep the record ${name}, because a later key will use the same name.`,
            message_ja: `${key.selector} での署名は終了しました。配送中のメールのため、鍵は ${day} まで公開されます。後の鍵が同じ名前を使うため、レコード ${name} は残してください。`,
          }
        : {
            message: `The service no longer signs with ${key.selector}. Keep the record ${name} until ${day}, for mail that is still on its way.`,
            message_ja: `${key.selector} での署名は終了しました。配送中のメールのため、レコード ${name} は ${day} まで残してください。`,
          };
    }
    case 'retired':
      if (isRevoked(key)) return revokedWords(key, name, delegated);
      return delegated
        ? {
            message: `The key has retired. Keep the record ${name}, because a later key will use the same name.`,
            message_ja: `鍵は廃止されました。後の鍵が同じ名前を使うため、レコード ${name} は残してください。`,
          }
        : {
            message: `The key has retired. You may remove the record ${name}.`,
            message_ja: `鍵は廃止されました。レコード ${name} は削除してかまいません。`,
          };
  }
}
/** `target`: of the CNAME record of a delegated key; null if the key is a TXT record. */
function pendingWords(name: string, target: string | null, waits: boolean): Words {
  const when = waits
    ? {
        message: 'The key begins to sign by itself five days after it is first seen',
        message_ja: '鍵が確認されてから 5 日後に、この鍵での署名が自動で始まります。',
      }
    : {
        message:
          'No other key of its algorithm signs, so the key begins to sign by itself as soon as it is seen',
        message_ja:
          '同じアルゴリズムで署名中の鍵がないため、鍵が確認されるとすぐに、この鍵での署名が自動で始まります。',
      };
  return target === null
    ? {
        message: `Publish the TXT record ${name}. ${when.message}.`,
        message_ja: `TXT レコード ${name} を登録してください。${when.message_ja}`,
      }
    : {
        message: `This service publishes the key. ${when.message} through the CNAME record ${name} with ${target}.`,
        message_ja: `鍵はこのサービスが公開し、CNAME レコード ${name}（値は ${target}）を通して確認します。${when.message_ja}`,
      };
}
/** What the last check says about the record of a key if it clearly did not find the key; null otherwise. */
function missedBy({ dns }: MtaDomain, type: string, name: string): Words | null {
  const state = dns?.records?.find((one) => one.purpose === 'dkim' && one.type === type && one.name === name);
  if (state === undefined || (state.state !== 'missing' && state.state !== 'wrong')) return null;
  return inWords(state.finding ?? finding('dkim.missing', { name }));
}
function revokedWords({ publicRecord }: DkimKey, name: string, delegated: boolean): Words {
  const cost =
    'Mail that it signed and that other servers still hold, for up to seven days, no longer verifies with it.';
  const costJa =
    'この鍵で署名され、ほかのサーバーに残っているメール（最長 7 日間）は、この鍵では検証されません。';
  return delegated
    ? {
        message: `The key was revoked. It signs nothing, and the service publishes that it is revoked. ${cost} Keep the record ${name}, because a later key will use the same name.`,
        message_ja: `鍵は失効しました。今後この鍵で署名することはなく、失効したことをこのサービスが公開しています。${costJa}後の鍵が同じ名前を使うため、レコード ${name} は残してください。`,
      }
    : {
        message: `The key was revoked and signs nothing. Set the TXT record ${name} to ${publicRecord} now, or remove it: as long as the old value is in DNS, whoever has the key can sign as this domain. ${cost}`,
        message_ja: `鍵は失効し、今後この鍵で署名することはありません。TXT レコード ${name} をすぐに ${publicRecord} に変更するか、削除してください。古い値が DNS にある間は、鍵を持つ人がこのドメインとして署名できます。${costJa}`,
      };
}
