/** A readable page of the OpenAPI documents: plain HTML, no script, no request to anywhere. */
import type { OpenApi } from './openapi.ts';

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

export function docsPage(base: string, documents: readonly OpenApi[]): string {
  const [first] = documents;
  const connect = first === undefined ? '' : `<pre>${escapeHtml(first.info.description)}</pre>`;
  const parts = documents.map(({ info, paths = {} }) => {
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => {
        const { schema, examples = {} } = operation.requestBody?.content?.['application/json'] ?? {};
        const [example] = Object.values(examples);
        const data =
          example === undefined
            ? '@body.json'
            : `'${JSON.stringify(example.value).replaceAll("'", "'\\''")}'`;
        const query = (operation.parameters ?? []).filter((p) => p.in === 'query').map((p) => p.name);
        const verb = method.toUpperCase();
        const body = schema === undefined ? '' : `<pre>${escapeHtml(JSON.stringify(schema, null, 2))}</pre>`;
        const byKey = operation.security?.every((way) => !('key' in way)) !== true;
        const curl = !byKey
          ? 'for people who have signed in, or sign in, on pages of this service'
          : `curl -u "$KEY_ID:$SECRET" -X ${verb} ${base}${path}${schema === undefined ? '' : ` -H 'Content-Type: application/json' -d ${data}`}`;
        return `<details><summary><b>${verb}</b> ${escapeHtml(path)}${query.length > 0 ? ` <i>?${escapeHtml(query.join('&'))}</i>` : ''} <small>${escapeHtml(operation.summary ?? '')} (${escapeHtml(operation.operationId ?? '')})</small></summary><pre>${escapeHtml(curl)}</pre>${body}</details>`;
      }),
    );
    return `<section><h2>${escapeHtml(info.title)}</h2>${operations.join('')}</section>`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Hikyaku API</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}pre{background:#8881;padding:.5rem;overflow:auto;font-size:13px}summary{cursor:pointer;font-family:ui-monospace,monospace}</style><h1>Hikyaku API</h1><p>HTTP Basic authentication: the static key's id and secret. Errors are RFC 9457 problems. Lists take <code>limit</code> and <code>cursor</code>; a POST that a key may call takes <code>Idempotency-Key</code>. The documents themselves: <a href="/mta/v1/openapi.json">mta</a>, <a href="/edj/v1/openapi.json">edj</a>, <a href="/iam/v1/openapi.json">iam</a>.</p>${connect}${parts.join('')}</html>`;
}
