/**
 * What a look at DNS makes of a domain's keys: moves, successors that are due, and the events that tell of both; prepared
 * outside the transaction, recorded in it. Invariant: see rotation.ts; keys whose domain was never checked do not move.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Resolver } from '../runtime/resolver.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { DomainEventContent } from './announce.ts';
import { sightKey } from './dkim-check.ts';
import { kindOf, makeDkimKey } from './dkim-keys.ts';
import { dkimName } from './dns-records.ts';
import { dueForRotation, type KeyMove, recordMayGoAt, stepKeys } from './rotation.ts';
import type { DkimKey, DomainTx, MtaDomain } from './types.ts';

export interface KeyStepDeps {
  /** All of them must have seen a key before it signs. */
  readonly resolvers: readonly Resolver[];
  readonly sealer: Sealer;
  readonly random: Random;
  readonly clock: Clock;
}
export interface KeySteps {
  readonly moves: readonly KeyMove[];
  readonly fresh: readonly DkimKey[];
  readonly events: readonly DomainEventContent[];
}

/** `rotate`: successors that are due are made, too. */
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
  const due =
    rotate && domain.dkimEnabled && !moves.some(({ key }) => key.state === 'active')
      ? dueForRotation(keys, domain.dkimRotationDays, now)
      : [];
  const fresh = await Promise.all(due.map((key) => makeDkimKey(deps, domainOf(key), kindOf(key))));
  const events = [
    ...moves.flatMap((move) => tellMove(domain, move, moves)),
    ...fresh.map((key) => tellPending(domain, key)),
  ];
  return { moves, fresh, events };
}
export function recordKeySteps(tx: DomainTx, { moves, fresh }: KeySteps): void {
  for (const { key, from } of moves) tx.moveDkimKey(key, from);
  for (const key of fresh) tx.insertDkimKey(key);
}

function domainOf({ projectId, domainId }: DkimKey): Pick<DkimKey, 'projectId' | 'domainId'> {
  return { projectId, domainId };
}
function about(domain: MtaDomain, key: DkimKey) {
  const name = dkimName(key, domain.name);
  return {
    domain: domain.name,
    selector: key.selector,
    record: { name, type: 'TXT' as const, value: key.publicRecord },
  };
}
/** Also for a key made by hand. */
export function tellPending(domain: MtaDomain, key: DkimKey): DomainEventContent {
  return { ...about(domain, key), stage: 'pending', ...keyWords(domain, key) };
}
function tellMove(domain: MtaDomain, { key, from }: KeyMove, all: readonly KeyMove[]): DomainEventContent[] {
  if (key.state === 'retired') return [{ ...about(domain, key), stage: 'retired', ...keyWords(domain, key) }];
  if (key.state !== 'active' || from !== 'pending') return [];
  const old = all
    .filter((move) => move.key.state === 'retiring' && move.key.algorithm === key.algorithm)
    .map((move) => keyWords(domain, move.key));
  const words = [keyWords(domain, key), ...old];
  return [
    {
      ...about(domain, key),
      stage: 'active',
      message: words.map(({ message }) => message).join(' '),
      message_ja: words.map(({ message_ja: text }) => text).join(''),
    },
  ];
}

/** What is to be known of the key, and done about its record. */
export function keyWords(domain: MtaDomain, key: DkimKey): { message: string; message_ja: string } {
  const name = dkimName(key, domain.name);
  switch (key.state) {
    case 'pending':
      return key.seenSince === null
        ? {
            message: `Publish the TXT record ${name}; the key begins to sign by itself five days after it is first seen (at once where nothing signs yet).`,
            message_ja: `TXTレコード ${name} を登録してください。確認されてから5日後(署名中の鍵がない場合は直ちに)自動的に署名へ切り替わります。`,
          }
        : {
            message: `The record ${name} is published; the key begins to sign by itself once it has been seen for five days.`,
            message_ja: `レコード ${name} は公開済みです。5日間継続して確認されると自動的に署名へ切り替わります。`,
          };
    case 'active':
      return {
        message: `Mail is signed with ${key.selector}; keep the record ${name}.`,
        message_ja: `${key.selector} で署名しています。レコード ${name} を残してください。`,
      };
    case 'retiring': {
      const day = new Date(recordMayGoAt(key)!).toISOString().slice(0, 10);
      return {
        message: `Nothing is signed with ${key.selector} any more; keep the record ${name} until ${day}, for mail that is on its way.`,
        message_ja: `${key.selector} での署名は終了しました。配送中のメールのため、レコード ${name} は ${day} まで残してください。`,
      };
    }
    case 'retired':
      return {
        message: `The record ${name} may be removed.`,
        message_ja: `レコード ${name} は削除してかまいません。`,
      };
  }
}
