/** Types for what we use of html-to-text, which has none. */
declare module 'html-to-text' {
  export interface Options {
    readonly wordwrap?: number | false;
    readonly baseElements?: { readonly selectors?: readonly string[]; readonly returnDomByDefault?: boolean };
    readonly limits?: {
      readonly ellipsis?: string;
      readonly maxBaseElements?: number;
      readonly maxChildNodes?: number;
      readonly maxDepth?: number;
      readonly maxInputLength?: number;
    };
    readonly selectors?: readonly {
      readonly selector: string;
      readonly format?: string;
      readonly options?: Readonly<Record<string, unknown>>;
    }[];
  }
  export function compile(options: Options): (html: string) => string;
}
