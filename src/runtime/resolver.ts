/**
 * An interface for DNS. An answer is one of several kinds: an absence is not a failure, and a failure never
 * looks like an absence.
 */
export interface MxRecord {
  readonly preference: number;
  /** Lower case without trailing dot; '' is the null MX (RFC 7505). */
  readonly exchange: string;
}
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** Lower case without trailing dot; '' means that the service does not exist (RFC 2782). */
  readonly target: string;
}
/** Where an answer comes from; a kept answer still has the provenance of its question. */
export interface Provenance {
  /** When a server gave it: wall ms. */
  readonly observedAt?: number;
  /** It comes from the servers of the zone itself. Otherwise a server in between may have kept it for its TTL. */
  readonly authoritative?: boolean;
}
export type DnsAnswer<T> =
  | ({
      readonly kind: 'found';
      readonly records: readonly T[] /** seconds */;
      readonly ttl: number /** AD bit */;
      readonly authenticated: boolean;
    } & Provenance)
  | ({ readonly kind: 'nodata'; readonly ttl: number } & Provenance)
  | ({ readonly kind: 'nxdomain'; readonly ttl: number } & Provenance)
  /** SERVFAIL, REFUSED, time-out, malformed: try again later. */
  | { readonly kind: 'failed'; readonly cause: string };

export interface Resolver {
  mx(name: string): Promise<DnsAnswer<MxRecord>>;
  a(name: string): Promise<DnsAnswer<string>>;
  aaaa(name: string): Promise<DnsAnswer<string>>;
  /** One string per record, its character-strings joined. */
  txt(name: string): Promise<DnsAnswer<string>>;
  /** The names that an address (IPv4 or IPv6 text) points back to. */
  ptr(address: string): Promise<DnsAnswer<string>>;
  cname(name: string): Promise<DnsAnswer<string>>;
  srv(name: string): Promise<DnsAnswer<SrvRecord>>;
}
/** A resolver whose sockets the projects share. A caller that asks for a project uses `for`. */
export interface SharedResolver extends Resolver {
  /** The same servers and the same cache; its questions use the project's sockets. */
  for(project: string): Resolver;
}
/** A resolver that can also ask past every cache. */
export interface CheckingResolver extends SharedResolver {
  /**
   * For checks that somebody waits for: asks the servers of the zone itself, and if they do not answer, the usual
   * servers, but not our own cache. A project that asks too much gets kept answers; their provenance tells. The
   * answers are kept for other callers.
   */
  fresh(project: string): Resolver;
}
