/**
 * Runs a tutorial as a reader would: its files are written, its commands are run in order in one shell, and what
 * they print is compared with what the page says. Everything is taken from the page.
 *
 * The blocks of a page, by what stands behind the three backticks: `sh`: commands; `sh start`: the command that
 * starts the service; `LANGUAGE FILE`: a file to save; `text`: what the commands before it print, with `…` for any
 * text; any other block is only shown.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PAGES = fileURLToPath(new URL('../../docs/tutorials', import.meta.url));
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const BETWEEN = '--- between the blocks of a tutorial ---';

export type Block =
  | { readonly kind: 'commands' | 'start' | 'output' | 'shown'; readonly text: string }
  | { readonly kind: 'file'; readonly name: string; readonly text: string };

export function blocksOf(page: string): Block[] {
  const markdown = readFileSync(join(PAGES, page), 'utf8');
  return [...markdown.matchAll(/^```(\w*)(?: (\S+))?\n(.*?)^```$/gms)].map(
    ([, language, word, text = '']) => {
      if (language === 'sh') return { kind: word === 'start' ? 'start' : 'commands', text };
      if (language === 'text') return { kind: 'output', text };
      return word === undefined ? { kind: 'shown', text } : { kind: 'file', name: word, text };
    },
  );
}

/** What a page says in place of what this run has, such as the usual ports. The longest text goes first. */
export type Instead = Readonly<Record<string, string>>;
function replaced(text: string, instead: Instead): string {
  const names = Object.keys(instead).sort((a, b) => b.length - a.length);
  if (names.length === 0) return text;
  const pattern = names.map((name) => name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|');
  return text.replace(new RegExp(pattern, 'g'), (name) => instead[name]!);
}

export interface Run {
  readonly status: number | null;
  /** What each block of commands printed to stdout. */
  readonly printed: readonly string[];
  readonly errors: string;
}

/** A directory that looks like the checkout of a reader: `npx hikyaku` works in it, `data` is the service's. */
export function prepareDirectory(directory: string, data: string): void {
  mkdirSync(join(directory, 'node_modules/.bin'), { recursive: true });
  symlinkSync(join(CHECKOUT, 'bin/hikyaku.js'), join(directory, 'node_modules/.bin/hikyaku'));
  writeFileSync(join(directory, 'package.json'), '{ "name": "checkout", "private": true }\n');
  symlinkSync(data, join(directory, 'data'));
}

/** Runs all blocks in one bash that ends at the first failure. Programs in the background end with it. */
export async function runBlocks(
  blocks: readonly Block[],
  { directory, env, instead }: { directory: string; env: Record<string, string>; instead: Instead },
): Promise<Run> {
  const script = ['set -euo pipefail', `trap 'kill $(jobs -p) 2>/dev/null || true' EXIT`];
  for (const block of blocks) {
    const text = replaced(block.text, instead);
    if (block.kind === 'file') {
      // The reader saves the file when he comes to it; nothing before it can need it.
      mkdirSync(dirname(join(directory, block.name)), { recursive: true });
      writeFileSync(join(directory, block.name), text);
    } else if (block.kind === 'commands') script.push(`echo '${BETWEEN}'`, text);
  }
  const child = spawn('bash', ['-s'], { cwd: directory, env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(script.join('\n'));
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { status, printed: out.split(`${BETWEEN}\n`).slice(1), errors };
}

/** The first `text` block that is not what the commands before it printed; null if all are. */
export function wrongOutput(
  blocks: readonly Block[],
  printed: readonly string[],
  instead: Instead,
): string | null {
  let at = -1;
  for (const block of blocks) {
    if (block.kind === 'commands') at += 1;
    if (block.kind !== 'output') continue;
    const pattern = replaced(block.text, instead)
      .trimEnd()
      .split('…')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
      .join('[^]*?');
    if (!new RegExp(`^${pattern}\\s*$`).test(printed[at] ?? ''))
      return `the page says:\n${block.text}\nthe commands print:\n${printed[at]}`;
  }
  return null;
}
