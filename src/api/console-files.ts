/**
 * Serves the built files of the console at `/`. They are read into memory once at start, so a file that changes under a
 * running service is not mixed with an older index. Invariants: only files from the build are served (by a look-up in a
 * table, without path handling); the index has a new style nonce in each answer and is never cached; hashed files are
 * cached for a year. If the console is not built, `/` says so and points to /docs.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Random } from '../runtime/random.ts';

const DIST = fileURLToPath(new URL('../../console/dist', import.meta.url));
const NONCE_PLACE = '%STYLE_NONCE%';
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface ConsoleFile {
  readonly type: string;
  readonly body: Buffer;
  /** The body, compressed at build time. */
  readonly gzip: Buffer | null;
}
export interface ConsoleFiles {
  /** null: the console is not built. */
  readonly index: string | null;
  /** Files by URL path, without the index. */
  readonly files: ReadonlyMap<string, ConsoleFile>;
}

/** The files from the build. Types that the console does not use (the build's manifest) are left out. */
export function readConsole(directory = DIST): ConsoleFiles {
  const files = new Map<string, ConsoleFile>();
  const indexFile = join(directory, 'index.html');
  if (!existsSync(indexFile)) return { index: null, files };
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const type = TYPES[extname(name)];
    if (type === undefined || name === 'index.html') continue;
    const file = join(directory, name);
    files.set(`/${name.split(sep).join('/')}`, {
      type,
      body: readFileSync(file),
      gzip: existsSync(`${file}.gz`) ? readFileSync(`${file}.gz`) : null,
    });
  }
  return { index: readFileSync(indexFile, 'utf8'), files };
}

/** Whether the console is built. */
export const hasConsole = (directory = DIST): boolean => existsSync(join(directory, 'index.html'));

/** Allows only content from the same origin. Styles that are made at run time need the nonce. */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
function secured(reply: FastifyReply): FastifyReply {
  return reply.headers({
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  });
}
const UNBUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Hikyaku</title>
<h1>Hikyaku</h1><p>The console is not built. In a checkout, run <code>npm ci &amp;&amp; npm start</code>: this builds the console with the
development dependencies. The package contains the built console. You can read the <a href="/docs">API documentation</a>.</p>
<p lang="ja">コンソールがビルドされていません。チェックアウトで <code>npm ci &amp;&amp; npm start</code> を実行すると、開発用の依存パッケージを使って
ビルドされます。パッケージにはビルド済みのコンソールが入っています。<a href="/docs">API ドキュメント</a>は利用できます。</p></html>`;

export function consoleRoutes(app: FastifyInstance, { index, files }: ConsoleFiles, random: Random): void {
  app.get('/', async (_request, reply) => {
    const nonce = random.bytes(16).toString('base64');
    return secured(reply)
      .header('content-security-policy', policy(nonce))
      .header('cache-control', 'no-store')
      .type(TYPES['.html']!)
      .send(index === null ? UNBUILT : index.replace(NONCE_PLACE, nonce));
  });
  for (const [path, { type, body, gzip }] of files) {
    app.get(path, async (request, reply) => {
      secured(reply)
        .type(type)
        .header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
        .header('vary', 'accept-encoding')
        .header(
          'cache-control',
          path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'public, max-age=3600',
        );
      const compressed = gzip !== null && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
      return compressed ? reply.header('content-encoding', 'gzip').send(gzip) : reply.send(body);
    });
  }
}
