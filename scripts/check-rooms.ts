/**
 * The room check: runs dependency-cruiser with the room rules over the service and the console. It fails if
 * too few modules were read, and proves by planted violations that it can fail.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

const FEWEST_MODULES = 400;
const PLANTED = {
  'src/mail/planted-violation.ts':
    "import { reply } from '../smtp/reply.ts';\nexport const planted = reply;\n",
  'console/src/planted-violation.ts':
    "import { reply } from '../../src/smtp/reply.ts';\nexport const planted = reply;\n",
};

function cruise(): { modules: number; violations: { rule: { name: string }; from: string; to: string }[] } {
  const result = spawnSync(
    'depcruise',
    ['src', 'console/src', '--config', '.dependency-cruiser.js', '--output-type', 'json'],
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

for (const [file, code] of Object.entries(PLANTED)) writeFileSync(file, code);
try {
  const { violations } = cruise();
  for (const file of Object.keys(PLANTED))
    if (!violations.some(({ from }) => from === file)) {
      console.error(`room check: the violation planted in ${file} was not found; the check does not check`);
      process.exit(1);
    }
} finally {
  for (const file of Object.keys(PLANTED)) rmSync(file);
}
console.log(`room check: ${tree.modules} modules, no violation, and planted ones are found`);
