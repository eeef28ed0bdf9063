/** What is wrong with a request, in the API's words: which field, and why. The validator's own words never reach a caller. */
import { Problem } from './problems.ts';

/** As the validator gives it (TypeBox, in the form of Ajv's errors). */
export interface Violation {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
}
const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
};
const listed = (values: unknown): string =>
  (Array.isArray(values) ? values : [values]).map(String).join(', ');
const typeOf = ({ params }: Violation): string =>
  [params['type']]
    .flat()
    .map((name) => TYPES[String(name)] ?? String(name))
    .join(' or ');

/** One sentence without its subject, which is the field. */
export function sentenceOf(violation: Violation): string {
  const { keyword, params } = violation;
  const limit = Number(params['limit']);
  switch (keyword) {
    case 'required':
      return 'is missing';
    case 'boolean':
    case 'additionalProperties':
      return 'is not a known field';
    case 'type':
      return `must be ${typeOf(violation)}`;
    case 'enum':
      return `must be one of ${listed(params['allowedValues'])}`;
    case 'const':
      return `must be ${String(params['allowedValue'])}`;
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`;
    case 'maxLength':
      return `must have at most ${limit} characters`;
    case 'minItems':
      return limit === 1 ? 'must name at least one' : `must have at least ${limit} entries`;
    case 'maxItems':
    case 'maxProperties':
      return `must have at most ${limit} entries`;
    case 'uniqueItems':
      return 'must not name anything twice';
    case 'minimum':
      return `must be at least ${limit}`;
    case 'maximum':
      return `must be at most ${limit}`;
    case 'pattern':
      return 'has characters that are not allowed';
    case 'format':
      return 'is not an ISO 8601 time with a zone';
    default:
      return 'is not of a form that is allowed';
  }
}
/** `a.b[0]`: a number stands in brackets where what was given has a list; an empty name is `""`. */
export function placeOf(names: readonly string[], given: unknown): string {
  let at = given;
  let path = '';
  for (const name of names) {
    const shown = name === '' ? '""' : name;
    path += Array.isArray(at) ? `[${name}]` : path === '' ? shown : `.${shown}`;
    at = typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>)[name] : undefined;
  }
  return path;
}
/** The names in a JSON pointer (RFC 6901). */
const namesIn = (pointer: string): string[] => pointer.split('/').slice(1).map(unescaped);
const unescaped = (name: string): string => name.replaceAll('~1', '/').replaceAll('~0', '~');
const nameOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const CONTEXTS: Readonly<Record<string, string>> = { querystring: 'the query', params: 'the path' };
/** `context`: what is wrong where no field is: body, querystring, params. `given`: the body, the query or the path's names. */
export function validationProblem(
  violations: readonly Violation[],
  context: string,
  given: unknown,
): Problem {
  const [first] = violations;
  if (first === undefined) return new Problem('validation', `${context}: is not of a form that is allowed`);
  const named = [first.params['requiredProperties'], first.params['additionalProperties']].flat();
  const key = nameOf(named[0]) ?? nameOf(named[1]);
  const names = [...namesIn(first.instancePath), ...(key === null ? [] : [key])];
  const field = placeOf(names, given) || CONTEXTS[context] || context;
  // What may be one of two things, such as a number or null, is wrong for each of them.
  const here = violations.filter(({ instancePath }) => instancePath === first.instancePath);
  const types = here.filter(({ keyword }) => keyword === 'type');
  const both = here.some(({ keyword }) => keyword === 'anyOf') && types.length > 1;
  const sentence = both ? `must be ${types.map(typeOf).join(' or ')}` : sentenceOf(first);
  return new Problem('validation', `${field}: ${sentence}`, { field });
}
