/** One step of the schema forward. */
export interface Migration {
  readonly version: number;
  readonly oldestCompatible: number;
  readonly sql: string;
}
