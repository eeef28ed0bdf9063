/** The result of one check of `hikyaku doctor`; its text says what to do. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
}
export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail });
export const warning = (check: string, detail: string): Finding => ({ check, status: 'warning', detail });
export const failed = (check: string, detail: string): Finding => ({ check, status: 'failed', detail });
