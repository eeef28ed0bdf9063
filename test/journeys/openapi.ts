/** The published OpenAPI documents for tests: every operation, its schemas as validators, its examples. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Journey, Json } from './journey.ts';

export interface Found {
  readonly service: string;
  readonly method: string;
  /** As in the document: `/mta/v1/domains/{id}`. */
  readonly path: string;
  readonly id: string;
  readonly operation: Json;
  /** The whole document. */
  readonly document: Json;
}
export interface Published {
  /** Operations that a static key may call. */
  readonly operations: readonly Found[];
  /** Operations with a `security` of their own; other tests call them. */
  readonly others: readonly Found[];
  /** How an answer differs from its operation's document; null if it does not. */
  judge(found: Found, status: number, contentType: string | null, body: unknown): string | null;
}
export const SERVICES = ['mta', 'edj', 'iam'] as const;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export async function published(journey: Pick<Journey, 'call'>): Promise<Published> {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addFormat('date-time', TIME);
  ajv.addFormat('uri', (text: string) => URL.canParse(text));
  ajv.addFormat('binary', true);
  const operations: Found[] = [];
  for (const service of SERVICES) {
    const document = (await journey.call('GET', `/${service}/v1/openapi.json`)).json;
    ajv.addSchema(document, service);
    for (const [path, methods] of Object.entries<Json>(document.paths))
      for (const [method, operation] of Object.entries<Json>(methods))
        operations.push({
          service,
          method: method.toUpperCase(),
          path,
          id: operation.operationId ?? `${method} ${path}`,
          operation,
          document,
        });
  }
  const token = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
  const takesKey = ({ operation }: Found): boolean =>
    operation.security === undefined || operation.security.some((way: Json) => 'key' in way);
  return {
    operations: operations.filter(takesKey),
    others: operations.filter((found) => !takesKey(found)),
    judge({ service, method, path, operation }, status, contentType, body) {
      const where = `${method} ${path} ${status}`;
      const response = operation.responses?.[status];
      if (response === undefined) return `${where}: the document knows no such status`;
      if (body === null)
        return response.content === undefined ? null : `${where}: a body is documented, none came`;
      const type = contentType?.split(';')[0]?.trim() ?? '';
      if (response.content?.[type] === undefined) return `${where}: ${type} is not documented`;
      if (status >= 400 && !response['x-problems']?.includes((body as Json).type.replace('/problems/', '')))
        return `${where}: the problem ${(body as Json).type} is not documented`;
      if (type !== 'application/json' && type !== 'application/problem+json') return null;
      const at = [
        'paths',
        path,
        method.toLowerCase(),
        'responses',
        String(status),
        'content',
        type,
        'schema',
      ];
      const validate = ajv.getSchema(`${service}#/${at.map(token).join('/')}`);
      if (validate === undefined) return `${where}: the schema cannot be found`;
      return validate(body) === true ? null : `${where}: ${ajv.errorsText(validate.errors)}`;
    },
  };
}

/** Placeholders of the path by name, with the example id that the document gives. */
export function pathParameters({ operation }: Found): { name: string; example: string | undefined }[] {
  return (operation.parameters ?? []).filter((parameter: Json) => parameter.in === 'path');
}
export function exampleBodies({ operation }: Found): [name: string, value: Json][] {
  const content = operation.requestBody?.content?.['application/json'] ?? {};
  return Object.entries<Json>(content.examples ?? {}).map(([name, { value }]) => [name, value]);
}
