/** What a wrong secret key is answered with: the right file beside a wrong variable is named. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from './config/config.ts';
import { createSealer } from './runtime/sealing.ts';
import { keyCheckOf } from './sealed/secret-key.ts';
import { presentKey, wrongKey } from './secret-key.ts';

test('a wrong HIKYAKU_SECRET_KEY: the key file is named if it is the right one; sentences are whole', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-secret-key-'));
  using made = new DisposableStack();
  made.defer(() => rmSync(directory, { recursive: true, force: true }));
  const right = Buffer.alloc(32, 1);
  const check = keyCheckOf(createSealer(right));
  const said = (env: Record<string, string>) => {
    const config = loadConfig({ HIKYAKU_DATA_DIR: directory, ...env });
    return wrongKey(config, presentKey(config)!, check).message;
  };
  const file = join(directory, 'secret.key');
  const variable = { HIKYAKU_SECRET_KEY: Buffer.alloc(32, 2).toString('base64') };
  assert.match(
    said(variable),
    /one-time codes\. Set HIKYAKU_SECRET_KEY to the right key\. If the right key is lost,/,
  );
  writeFileSync(file, Buffer.alloc(32, 3));
  assert.match(said(variable), /\. Set HIKYAKU_SECRET_KEY to the right key\. If/, 'another wrong key');
  assert.match(said({}), /\. Either put the right key back at .*, or set HIKYAKU_SECRET_KEY\. If/);
  writeFileSync(file, right);
  const unset = said(variable);
  assert.ok(
    unset.endsWith(
      `The right key is in ${file}, which is used if HIKYAKU_SECRET_KEY is not set: unset HIKYAKU_SECRET_KEY.`,
    ),
    unset,
  );
  assert.doesNotMatch(unset, /lost|Either/);
});
