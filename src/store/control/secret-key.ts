/** What the store knows about its secret key, as queries for both engines. */
import type { Kysely } from 'kysely';
import type { SecretKeyReader, SecretKeyTx } from '../../sealed/secret-key.ts';
import { type Ask, command, type Push } from '../command.ts';
import { toMember } from '../rows/people.ts';
import type { Tables } from '../schema/tables.ts';

const KEY = 'key_check';
const REPLACEMENT = 'key_replacement';
const BEGUN_AT = 'key_replacement_at';

export function secretKeyReader(db: Kysely<Tables>, ask: Ask): SecretKeyReader {
  const noted = async (key: string) =>
    (await ask<{ value: number }>(db.selectFrom('meta').select('value').where('key', '=', key)))[0]?.value ??
    null;
  return {
    keyCheck: () => noted(KEY),
    async replacement() {
      const check = await noted(REPLACEMENT);
      return check === null ? null : { check, begunAt: (await noted(BEGUN_AT)) ?? 0 };
    },
    async wasUsedWithKey() {
      for (const table of ['static_key', 'recovery_code', 'dkim_key', 'subscriber', 'dns_account'] as const)
        if (
          (
            await ask(
              db
                .selectFrom(table)
                .select((e) => e.lit(1).as('one'))
                .limit(1),
            )
          ).length > 0
        )
          return true;
      return false;
    },
    membersWithTotp: async (after, limit) =>
      (
        await ask(
          db
            .selectFrom('member')
            .selectAll()
            .where('sealed_totp', 'is not', null)
            .where('totp_step', 'is not', null)
            .where('id', '>', after ?? '')
            .orderBy('id')
            .limit(limit),
        )
      ).map(toMember),
  };
}

/** `push`: for writes that change the directory. */
export function secretKeyTx(db: Kysely<Tables>, push: Push): SecretKeyTx {
  const set = (key: string, value: number, was: number | null) =>
    push(
      command(
        was === null
          ? db
              .insertInto('meta')
              .values({ key, value })
              .onConflict((c) => c.column('key').doNothing())
          : db.updateTable('meta').set({ value }).where('key', '=', key).where('value', '=', was),
        { must: true },
      ),
    );
  return {
    setKeyCheck: (check, was) => set(KEY, check, was),
    setReplacement({ check, begunAt }, was) {
      set(REPLACEMENT, check, was);
      if (was === null) set(BEGUN_AT, begunAt, null);
    },
    endReplacement({ check, begunAt }) {
      const remove = (key: string, value: number, must: boolean) =>
        push(command(db.deleteFrom('meta').where('key', '=', key).where('value', '=', value), { must }));
      remove(REPLACEMENT, check, true);
      remove(BEGUN_AT, begunAt, false);
    },
    voidKeyedHashes() {
      push(command(db.updateTable('static_key').set({ keyed_hash: Buffer.alloc(0) })));
      push(command(db.deleteFrom('recovery_code')));
      push(
        command(db.updateTable('session').set({ sealed_totp: null }).where('sealed_totp', 'is not', null)),
      );
    },
  };
}
