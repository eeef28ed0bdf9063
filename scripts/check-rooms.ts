/**
 * The room check: runs dependency-cruiser with the room rules, refuses to believe it when it read too few modules,
 * and proves that it can fail by planting a violation.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

const FEWEST_MODULES = 80;
const PLANTED = 'src/mail/planted-violation.ts';

function cruise(): { modules: number; violations: { rule: { name: string }; from: string; to: string }[] } {
  const result = spawnSync(
    'depcruise',
    ['src', '--config', '.dependency-cruiser.js', '--output-type', 'json'],
    {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    },
  );
  if (result.error !== undefined) throw result.error;
  const { summary } = JSON.parse(result.stdout);
  return { modules: summary.totalCruised, violations: summary.violations };
}

const tree = cruise();
if (tree.modules < FEWEST_MODULES) {
  console.error(
    `room check: only ${tree.modules} modules were read, at least ${FEWEST_MODULES} are expected`,
  );
  process.exit(1);
}
for (const { rule, from, to } of tree.violations) console.error(`room check: ${rule.name}: ${from} -> ${to}`);
if (tree.violations.length > 0) process.exit(1);

writeFileSync(PLANTED, "import { reply } from '../smtp/reply.ts';\nexport const planted = reply;\n");
try {
  if (!cruise().violations.some(({ from }) => from === PLANTED)) {
    console.error('room check: a planted violation was not found; the check does not check');
    process.exit(1);
  }
} finally {
  rmSync(PLANTED);
}
console.log(`room check: ${tree.modules} modules, no violation, and a planted one is found`);
