import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [, , verifier, cases] = process.argv;
const { isSigned } = await import(pathToFileURL(verifier).href);
for (const line of readFileSync(cases, 'utf8').trim().split('\n')) {
  const { headers, body, secret, now } = JSON.parse(line);
  try {
    console.log(isSigned(headers, Buffer.from(body, 'base64'), secret, now ?? undefined));
  } catch {
    console.log('error');
  }
}
