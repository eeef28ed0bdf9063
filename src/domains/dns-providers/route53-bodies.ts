/**
 * The bodies of requests to Route 53 and of its answers: XML of its API of 2013-04-01
 * (https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53.html). Numbers and truth values
 * stay text. The owner of an account may name any endpoint. So we limit the size of an answer, allow no entity
 * declarations, and accept only the documented form. Throws DnsProviderError.
 */
import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { DnsProviderError } from './provider.ts';

const NAMESPACE = 'https://route53.amazonaws.com/doc/2013-04-01/';
/** Octets of one answer. XML is parsed on the event loop: 128 KiB take some 100 ms at worst; Route 53's take a few. */
export const MOST_OCTETS = 128 * 1024;
const REPEATED = new Set(['HostedZone', 'ResourceRecordSet', 'ResourceRecord', 'Message']);

const text = Type.String();
const flag = Type.Union([Type.Literal('true'), Type.Literal('false')]);
const option = Type.Optional;
/** The parser reads an element without children as empty text. */
const listOf = <T extends TSchema, N extends string>(name: N, item: T) =>
  Type.Union([Type.Literal(''), Type.Object({ [name]: Type.Array(item) } as { [K in N]: Type.TArray<T> })]);

const resourceRecordSet = Type.Object({
  Name: text,
  Type: text,
  TTL: option(text),
  SetIdentifier: option(text),
  AliasTarget: option(Type.Object({ DNSName: text })),
  ResourceRecords: option(listOf('ResourceRecord', Type.Object({ Value: text }))),
});
export type ResourceRecordSet = Static<typeof resourceRecordSet>;
const changeInfo = Type.Object({ ChangeInfo: Type.Object({ Id: text, Status: text }) });

/** The schemas of answers, by the name of the root element. */
export const ANSWERS = {
  ListHostedZonesResponse: Compile(
    Type.Object({
      HostedZones: listOf(
        'HostedZone',
        Type.Object({ Id: text, Name: text, Config: option(Type.Object({ PrivateZone: option(flag) })) }),
      ),
      IsTruncated: flag,
      NextMarker: option(text),
    }),
  ),
  ListResourceRecordSetsResponse: Compile(
    Type.Object({
      ResourceRecordSets: listOf('ResourceRecordSet', resourceRecordSet),
      IsTruncated: flag,
      NextRecordName: option(text),
      NextRecordType: option(text),
      NextRecordIdentifier: option(text),
    }),
  ),
  ChangeResourceRecordSetsResponse: Compile(changeInfo),
  GetChangeResponse: Compile(changeInfo),
} as const;
export type AnswerName = keyof typeof ANSWERS;
export type Answer<N extends AnswerName> = ReturnType<(typeof ANSWERS)[N]['Parse']>;

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  // Numeric references: they are not entities that a document declares.
  htmlEntities: true,
  processEntities: {
    enabled: true,
    maxTotalExpansions: Number.POSITIVE_INFINITY,
    maxExpandedLength: Number.POSITIVE_INFINITY,
  },
  isArray: (name) => REPEATED.has(name),
});
const builder = new XMLBuilder({ ignoreAttributes: false });

/** The content of the answer's root element. */
export function readAnswer<N extends AnswerName>(name: N, xml: string): Answer<N> {
  const root = parse(xml)?.[name];
  if (!ANSWERS[name].Check(root)) throw notUnderstood();
  return root as Answer<N>;
}
export interface Refusal {
  readonly code: string;
  readonly message: string;
}
const refusals = {
  ErrorResponse: Compile(
    Type.Object({ Error: Type.Object({ Code: text, Message: option(Type.Array(text)) }) }),
  ),
  InvalidChangeBatch: Compile(
    Type.Object({ Messages: option(listOf('Message', text)), Message: option(Type.Array(text)) }),
  ),
};
/** null: it is not a refusal of Route 53. */
export function readRefusal(xml: string): Refusal | null {
  let roots: ReturnType<typeof parse>;
  try {
    roots = parse(xml);
  } catch {
    return null;
  }
  const { ErrorResponse: common, InvalidChangeBatch: batch } = roots ?? {};
  if (refusals.ErrorResponse.Check(common))
    return { code: common.Error.Code, message: (common.Error.Message ?? []).join(' ') };
  if (!refusals.InvalidChangeBatch.Check(batch)) return null;
  const { Messages = '', Message = [] } = batch;
  return {
    code: 'InvalidChangeBatch',
    message: [...(Messages === '' ? [] : Messages.Message), ...Message].join(' '),
  };
}
export interface Change {
  readonly action: 'CREATE' | 'DELETE';
  readonly set: {
    readonly name: string;
    readonly type: string;
    readonly ttl: string;
    readonly values: readonly string[];
  };
}
/** The body of ChangeResourceRecordSets; elements in the documented order. */
export function changeBatch(changes: readonly Change[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>${builder.build({
    ChangeResourceRecordSetsRequest: {
      '@_xmlns': NAMESPACE,
      ChangeBatch: {
        Comment: 'hikyaku',
        Changes: {
          Change: changes.map(({ action, set }) => ({
            Action: action,
            ResourceRecordSet: {
              Name: set.name,
              Type: set.type,
              TTL: set.ttl,
              ResourceRecords: { ResourceRecord: set.values.map((Value) => ({ Value })) },
            },
          })),
        },
      },
    },
  })}`;
}

function parse(xml: string): Readonly<Record<string, unknown>> | null {
  if (xml.includes('<!')) throw notUnderstood();
  try {
    return parser.parse(xml, true) as Readonly<Record<string, unknown>> | null;
  } catch {
    throw notUnderstood();
  }
}
function notUnderstood(): DnsProviderError {
  return new DnsProviderError('unreachable', 'Route 53 gave an answer that is not understood');
}
