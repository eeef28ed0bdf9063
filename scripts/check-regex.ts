/**
 * The check of regular expressions: SWC's parser reads every regular expression of `src` from the source, and
 * recheck judges it. One that can take more than linear time fails the check, unless the list below says what
 * bounds it. The check fails if it found too few, and proves by planted expressions that it can fail.
 */
import { globSync, readFileSync } from 'node:fs';
import { parseSync } from '@swc/core';
import { checkSync } from 'recheck';

const FEWEST = 150;
const PATIENCE_MS = 20_000;
const HOLE = '…';

/**
 * Expressions that are not linear, or that are made at run time (`…` stands for the unknown part), and what
 * bounds their work.
 */
const BOUNDED: readonly { readonly file: string; readonly pattern: string; readonly why: string }[] = [
  ...[
    'too many (?:messages|connections|recipients|emails)|rate limit|throttl|unusual rate|try again later.*(?:rate|volume)',
    '(?:mailbox|quota|storage|inbox)[^.]{0,40}(?:full|exceeded|over)|over ?quota|insufficient system storage',
    "(?:user|recipient|mailbox|account|address)[^.]{0,40}(?:unknown|not found|does ?n[o']t exist|not exist|invalid|no longer)|(?:unknown|no such|invalid) (?:user|recipient|mailbox|address)",
    '(?:account|mailbox|user)[^.]{0,40}(?:disabled|inactive|suspended|deactivated|locked)',
  ].map((pattern) => ({
    file: 'src/bounces/classify.ts',
    pattern,
    why: 'the text is cut to 1,000 characters',
  })),
  { file: 'src/cli/sink.ts', pattern: '^…$', why: 'given by who starts the sink, a tool for tests' },
  { file: 'src/mail/idn.ts', pattern: '\\p{Script_Extensions=…}', why: 'one character' },
  ...['<…>([\\s\\S]*?)</…>', '"((?:[^"\\\\]|\\\\[0-7]{3}|\\\\["\\\\])*)"(?: |$)'].map((pattern) => ({
    file: 'src/testing/fake-route53.ts',
    pattern,
    why: 'read by tests, of what our own client wrote',
  })),
];

interface Found {
  readonly pattern: string;
  readonly flags: string;
  /** Part of it is known only at run time. */
  readonly open: boolean;
}

/** The regular expressions of a source file: literals and the arguments of `RegExp`. */
function expressionsOf(code: string): Found[] {
  const constants = new Map<string, Text>();
  const found: Found[] = [];
  for (const node of nodesOf(parseSync(code, { syntax: 'typescript', target: 'es2024' }))) {
    if (node['type'] === 'VariableDeclarator') {
      const text = textOf(node['init'], constants);
      const name = (node['id'] as Node)['value'];
      if (text !== null && typeof name === 'string') constants.set(name, text);
    } else if (node['type'] === 'RegExpLiteral')
      found.push({ pattern: String(node['pattern']), flags: String(node['flags']), open: false });
    else if (isRegExpCall(node)) {
      const [pattern, flags] = (node['arguments'] as { expression: unknown }[]).map(({ expression }) =>
        textOf(expression, constants),
      );
      // An expression that is made from another one is judged at the place of that other one.
      if (pattern === undefined) continue;
      found.push({ pattern: pattern?.text ?? HOLE, flags: flags?.text ?? '', open: pattern?.open ?? true });
    }
  }
  return found;
}

type Node = Readonly<Record<string, unknown>>;
/** All nodes of a syntax tree, in the order of the source. */
function* nodesOf(tree: unknown): Generator<Node> {
  if (typeof tree !== 'object' || tree === null) return;
  if ('type' in tree) yield tree as Node;
  for (const inner of Object.values(tree)) yield* nodesOf(inner);
}
function isRegExpCall(node: Node): boolean {
  const called = node['type'] === 'NewExpression' || node['type'] === 'CallExpression';
  return called && (node['callee'] as Node)['value'] === 'RegExp';
}

interface Text {
  readonly text: string;
  readonly open: boolean;
}
/** The value of a string, of a template of strings, or of a name for one; null if it is not a string. */
function textOf(node: unknown, constants: ReadonlyMap<string, Text>): Text | null {
  const { type, value, quasis, expressions } = (node ?? {}) as {
    type?: string;
    value?: string;
    quasis?: readonly { cooked: string }[];
    expressions?: readonly unknown[];
  };
  if (type === 'StringLiteral') return { text: value!, open: false };
  if (type === 'Identifier') return constants.get(value!) ?? null;
  if (type !== 'TemplateLiteral') return null;
  const holes = expressions!.map((one) => textOf(one, constants) ?? { text: HOLE, open: true });
  return {
    text: quasis!.map(({ cooked }, i) => cooked + (holes[i]?.text ?? '')).join(''),
    open: holes.some(({ open }) => open),
  };
}

/** What is wrong with an expression, or null. */
function judge({ pattern, flags, open }: Found): string | null {
  if (open) return 'is made when the code runs';
  const result = checkSync(pattern, flags.replace('v', 'u'), { timeout: PATIENCE_MS, randomSeed: 1 });
  switch (result.status) {
    case 'safe':
      return null;
    case 'vulnerable':
      return `takes ${result.complexity.summary} time, for ${result.attack.pattern}`;
    case 'unknown':
      return `cannot be judged: ${result.error.kind}`;
  }
}

const PLANTED = `const A = 'a|a'; /^(x+)+$/.test(y); /\\s+$/.exec(y); new RegExp(\`^(?:\${A})*$\`, 'i'); RegExp(\`^\${y}$\`);`;
const planted = expressionsOf(PLANTED);
if (planted.length !== 4 || planted.some((one) => judge(one) === null)) {
  console.error('regex check: a planted expression was not found; the check does not check');
  process.exit(1);
}

const problems: string[] = [];
const excused = new Set<(typeof BOUNDED)[number]>();
const judged = new Map<string, string | null>();
let count = 0;
for (const file of globSync('src/**/*.ts').filter((name) => !name.endsWith('.test.ts'))) {
  for (const found of expressionsOf(readFileSync(file, 'utf8'))) {
    count++;
    const excuse = BOUNDED.find((one) => one.file === file && one.pattern === found.pattern);
    if (excuse !== undefined) {
      excused.add(excuse);
      continue;
    }
    const key = `/${found.pattern}/${found.flags}`;
    const wrong = judged.has(key) ? judged.get(key)! : judge(found);
    judged.set(key, wrong);
    if (wrong !== null) problems.push(`${file}: ${key} ${wrong}`);
  }
}
if (count < FEWEST) problems.push(`only ${count} expressions were found, at least ${FEWEST} are expected`);
for (const one of BOUNDED)
  if (!excused.has(one)) problems.push(`${one.file}: no expression ${one.pattern} is there to be excused`);
for (const problem of problems) console.error(`regex check: ${problem}`);
if (problems.length > 0) process.exit(1);
console.log(
  `regex check: ${count} expressions are linear, ${excused.size} of them bounded otherwise, and planted ones are found`,
);
