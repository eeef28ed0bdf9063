/**
 * No cast of what a caller sent: below `api/handle`, bodies, queries and path parameters come typed by the contract, and a
 * cast would say what no schema has looked at. Reads the syntax of src/api, and proves that it can fail.
 */
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The console's, whose compiler has an interface for programs. */
const ts = createRequire(new URL('../console/package.json', import.meta.url))('typescript');
// biome-ignore lint/suspicious/noExplicitAny: the compiler's nodes, loaded from the console's own packages
type Node = any;

const HANDLE = 'src/api/handle.ts';
const SENT = new Set(['body', 'query', 'params']);

function castsIn(file: string, code: string): string[] {
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const isSent = (node: Node): boolean => {
    if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isNonNullExpression(node))
      return isSent(node.expression);
    if (ts.isIdentifier(node)) return SENT.has(node.text);
    if (ts.isPropertyAccessExpression(node)) return SENT.has(node.name.text) || isSent(node.expression);
    return ts.isElementAccessExpression(node) && isSent(node.expression);
  };
  function look(node: Node): void {
    if (
      (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)) &&
      isSent(node.expression) &&
      node.type.getText(source) !== 'const'
    ) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      found.push(`${file}:${line + 1}: ${node.getText(source)}`);
    }
    ts.forEachChild(node, look);
  }
  look(source);
  return found;
}

const planted = castsIn('planted.ts', 'const { name } = request.body as { name: string };');
if (planted.length !== 1) {
  console.error('cast check: a planted cast was not found; the check does not check');
  process.exit(1);
}
const files = globSync('src/api/*.ts').filter((file) => !file.endsWith('.test.ts') && file !== HANDLE);
const found = files.flatMap((file) => castsIn(file, readFileSync(file, 'utf8')));
for (const one of found) console.error(`cast check: ${one}`);
if (files.length < 40 || found.length > 0) process.exit(1);
console.log(`cast check: ${files.length} files cast nothing that a caller sent, and a planted cast is found`);
