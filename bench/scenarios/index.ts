/** Cases that are no plain rate, by name; one file each. */
import { fair } from './fair.ts';
import { hooks } from './hooks.ts';
import { hostile } from './hostile.ts';
import { idle } from './idle.ts';
import { isolation } from './isolation.ts';
import { large } from './large.ts';
import { lists } from './lists.ts';
import { million } from './million.ts';
import { nodes } from './nodes.ts';
import { old } from './old/index.ts';
import { onceOnly } from './once.ts';
import type { Result, ScenarioOptions } from './scenario.ts';
import { stops } from './stops.ts';
import { transfer } from './transfer.ts';

export const SCENARIOS = [
  'million',
  'idle',
  'isolation',
  'large',
  'lists',
  'old',
  'once',
  'stops',
  'transfer',
  'nodes',
  'hostile',
  'fair',
  'hooks',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

const scenarios: Readonly<Record<ScenarioName, (options: ScenarioOptions) => Promise<readonly Result[]>>> = {
  million: async (options) => [await million(options)],
  idle,
  isolation,
  hostile,
  fair,
  hooks,
  large: async () => [await large()],
  lists,
  old,
  once: async (options) => [await onceOnly(options)],
  nodes,
  stops: async (options) => [await stops(options)],
  transfer: async (options) => [await transfer(options)],
};
export function runScenario(name: ScenarioName, options: ScenarioOptions): Promise<readonly Result[]> {
  return scenarios[name](options);
}
