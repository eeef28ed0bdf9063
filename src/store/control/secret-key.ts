/** What the store knows about its secret key, as queries for both engines. */
import type { Kysely } from 'kysely';
import type { SecretKeyReader, SecretKeyTx } from '../../sealed/secret-key.ts';
import { type Ask, command, type Push } from '../command.ts';
import { toMember } from '../rows/people.ts';
import type { Tables } from '../schema/tables.ts';

const KEY = 'key_check';

export function secretKeyReader(db: Kysely<Tables>, ask: Ask): SecretKeyReader {
  return {
    keyCheck: async () =>
      (await ask<{ value: number }>(db.selectFrom('meta').select('value').where('key', '=', KEY)))[0]
        ?.value ?? null,
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
  return {
    setKeyCheck: (check, was) =>
      push(
        command(
          was === null
            ? db
                .insertInto('meta')
                .values({ key: KEY, value: check })
                .onConflict((c) => c.column('key').doNothing())
            : db.updateTable('meta').set({ value: check }).where('key', '=', KEY).where('value', '=', was),
          { must: true },
        ),
      ),
    voidKeyedHashes() {
      push(command(db.updateTable('static_key').set({ keyed_hash: Buffer.alloc(0) })));
      push(command(db.deleteFrom('recovery_code')));
      push(
        command(db.updateTable('session').set({ sealed_totp: null }).where('sealed_totp', 'is not', null)),
      );
    },
  };
}
