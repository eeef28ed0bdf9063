/** Which room may look into which. docs/OVERVIEW.md draws it; a new arrow needs a line in docs/decisions/. */
const EVERYWHERE = ['contract', 'mail', 'runtime'];
const MAY = {
  contract: [],
  mail: [],
  runtime: [],
  reading: ['mail', 'runtime'],
  config: [],
  smtp: ['mail', 'runtime'],
  verify: ['mail', 'runtime'],
  iam: EVERYWHERE,
  rules: EVERYWHERE,
  domains: [...EVERYWHERE, 'rules'],
  limits: [...EVERYWHERE, 'rules'],
  spool: EVERYWHERE,
  ledger: EVERYWHERE,
  edj: [...EVERYWHERE, 'spool', 'reading'],
  bounces: EVERYWHERE,
  sealed: [...EVERYWHERE, 'iam', 'domains', 'edj', 'rules', 'ledger'],
  intake: [
    ...EVERYWHERE,
    'smtp',
    'spool',
    'verify',
    'rules',
    'limits',
    'iam',
    'domains',
    'edj',
    'ledger',
    'reading',
  ],
  delivery: [...EVERYWHERE, 'smtp', 'spool', 'domains', 'rules', 'edj', 'bounces', 'limits'],
  store: [...EVERYWHERE, 'spool', 'edj', 'iam', 'domains', 'rules', 'limits', 'ledger', 'sealed'],
};
const ROOMS = [...Object.keys(MAY), 'api', 'cli', 'testing'];

function forbid(room, allowed) {
  const others = ROOMS.filter((other) => other !== room && !allowed.includes(other));
  return {
    name: `${room}-may-not-look-there`,
    severity: 'error',
    from: { path: `^src/${room}/`, pathNot: '\\.test\\.ts$' },
    to: { path: [`^src/(${others.join('|')})/`, '^src/(service|stores|secret-key|jobs|main)\\.ts$'] },
  };
}

export default {
  forbidden: [
    ...Object.entries(MAY).map(([room, allowed]) => forbid(room, allowed)),
    {
      name: 'api-may-not-look-into-the-store',
      severity: 'error',
      from: { path: '^src/api/', pathNot: '\\.test\\.ts$' },
      to: { path: ['^src/(store|cli|testing)/', '^src/(service|stores|jobs|main)\\.ts$'] },
    },
    {
      name: 'cli-may-not-look-into-the-store',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: '\\.test\\.ts$' },
      to: { path: ['^src/(store|testing)/', '^src/main\\.ts$'] },
    },
    {
      name: 'the-console-knows-the-contract-alone',
      severity: 'error',
      from: { path: '^console/' },
      to: { path: '^src/', pathNot: '^src/contract/' },
    },
    {
      name: 'the-contract-needs-a-schema-library-and-nothing-else',
      severity: 'error',
      from: { path: '^src/contract/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: ['^src/contract/', '^typebox$', 'node_modules/typebox/'] },
    },
    {
      name: 'the-server-side-does-not-know-the-delivery-client',
      severity: 'error',
      from: { path: '^src/smtp/server/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/smtp/client/' },
    },
    { name: 'no-circles', severity: 'error', from: { path: '^(src|console)/' }, to: { circular: true } },
    {
      name: 'testing-is-for-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: ['\\.test\\.ts$', '^src/testing/', '^src/store/conformance/'] },
      to: { path: '^src/testing/' },
    },
    {
      name: 'no-development-packages-in-the-service',
      severity: 'error',
      from: { path: '^src/', pathNot: ['\\.test\\.ts$', '^src/testing/', '^src/store/conformance/'] },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
  },
};
