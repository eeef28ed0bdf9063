/** Buffers that have grown old go once many of them are dead, and only then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createCollector } from './collect.ts';

const MIB = 1024 * 1024;
const held = () => process.memoryUsage().arrayBuffers / MIB;

test('old buffers beyond what is ever in use are collected with those that were let go', async () => {
  const collector = createCollector();
  const before = held();
  let buffers = Array.from({ length: 10 }, () => Buffer.alloc(8 * MIB));
  // Each hint is a young collection: who survives two of them is old.
  for (let round = 0; round < 4; round += 1) {
    collector.released(8 * MIB);
    await turn();
  }
  assert.ok(held() - before >= 79, `${buffers.length} buffers are in use`);
  buffers = [];
  collector.released(80 * MIB);
  await turn();
  // The live ones raised the bar: what is dead stays until it is passed.
  const more = Buffer.alloc(32 * MIB);
  collector.released(8 * MIB);
  await turn();
  const left = held() - before - more.length / MIB;
  assert.ok(left < 8, `${left} MiB of dead buffers are left`);
});
