/**
 * A package registry on loopback that has the packages of this checkout, so that `npm install NAME` of a tutorial
 * needs no network.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Registry extends AsyncDisposable {
  readonly url: string;
}
/** `names`: packages without dependencies. */
export async function startRegistry(names: readonly string[]): Promise<Registry> {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-registry-'));
  const packages = new Map<string, { readonly manifest: { version: string }; readonly archive: Buffer }>();
  for (const name of names) {
    const source = fileURLToPath(new URL(`../../node_modules/${name}`, import.meta.url));
    const archive = join(directory, `${name}.tgz`);
    // An archive of npm has everything below `package/`.
    execFileSync('tar', ['czf', archive, '-C', source, '--transform', 's,^\\.,package,', '.']);
    const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
    packages.set(name, { manifest, archive: readFileSync(archive) });
  }
  const server = createServer((request, response) => {
    const [, name = '', file] = (request.url ?? '').split('/');
    const found = packages.get(name);
    if (found === undefined) return void response.writeHead(404).end('{}');
    const { manifest, archive } = found;
    if (file !== undefined) return void response.end(archive);
    const integrity = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
    const dist = { tarball: `${url}/${name}/archive.tgz`, integrity };
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        name,
        'dist-tags': { latest: manifest.version },
        versions: { [manifest.version]: { ...manifest, dist } },
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
