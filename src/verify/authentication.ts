/** What verification found, as events carry it. */
export type SpfResult = 'pass' | 'fail' | 'softfail' | 'neutral' | 'none' | 'temperror' | 'permerror';
export type DkimResult = 'pass' | 'fail' | 'policy' | 'neutral' | 'temperror' | 'permerror';
export type DmarcResult = 'pass' | 'fail' | 'none' | 'temperror' | 'permerror';
/** The JSON shape of `content.authentication` in events; fields are only ever added. Unknown texts are ''. */
export interface Authentication {
  readonly spf: {
    readonly result: SpfResult;
    /** The domain that was checked. */
    readonly domain: string;
    /** 'helo' for the null return path. */
    readonly scope: 'mfrom' | 'helo';
  };
  /** One per signature tried, top first; empty: unsigned. */
  readonly dkim: readonly DkimSignatureResult[];
  readonly dmarc: {
    readonly result: DmarcResult;
    /** What the From domain asks for; null where nothing is published or it is not known. */
    readonly policy: 'none' | 'quarantine' | 'reject' | null;
    /** Domain of the From address; '' without exactly one. */
    readonly domain: string;
    /** What aligned. */
    readonly alignment: { readonly spf: boolean; readonly dkim: boolean };
  };
  readonly arc: { readonly result: 'pass' | 'fail' | 'none' | 'temperror' };
}
export interface DkimSignatureResult {
  readonly result: DkimResult;
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: string;
  /** It passes and its domain aligns with the From domain. */
  readonly aligned: boolean;
  readonly reason?: string;
}
