/** Which room may look into which. docs/OVERVIEW.md draws it; a new arrow needs a line in docs/decisions/. */
const EVERYWHERE = ['mail', 'runtime', 'events'];
const MAY = {
  mail: [],
  runtime: [],
  reading: ['mail', 'runtime'],
  events: ['mail'],
  config: ['runtime'],
  smtp: EVERYWHERE,
  verify: EVERYWHERE,
  iam: EVERYWHERE,
  domains: [...EVERYWHERE, 'verify'],
  limits: EVERYWHERE,
  rules: EVERYWHERE,
  spool: EVERYWHERE,
  ledger: EVERYWHERE,
  edj: [...EVERYWHERE, 'iam', 'spool', 'reading'],
  bounces: [...EVERYWHERE, 'spool', 'edj'],
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
    'bounces',
    'ledger',
    'reading',
  ],
  delivery: [...EVERYWHERE, 'smtp', 'spool', 'verify', 'domains', 'rules', 'edj', 'bounces', 'limits'],
  store: [...EVERYWHERE, 'spool', 'edj', 'iam', 'domains', 'rules', 'limits', 'ledger', 'bounces'],
};
const ROOMS = [...Object.keys(MAY), 'api', 'cli', 'testing'];

function forbid(room, allowed) {
  const others = ROOMS.filter((other) => other !== room && !allowed.includes(other));
  return {
    name: `${room}-may-not-look-there`,
    severity: 'error',
    from: { path: `^src/${room}/`, pathNot: '\\.test\\.ts$' },
    to: { path: [`^src/(${others.join('|')})/`, '^src/(service|stores|jobs|main)\\.ts$'] },
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
      name: 'the-server-side-does-not-know-the-delivery-client',
      severity: 'error',
      from: { path: '^src/smtp/server/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/smtp/client/' },
    },
    { name: 'no-circles', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
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
