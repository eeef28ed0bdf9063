/**
 * Sends a form. The form keeps what the person typed until the service has accepted it. A problem that names a field is
 * shown beside that field, any other problem above the form. If an answer was lost, the same body is sent with the same
 * Idempotency-Key, so pressing the button again makes nothing twice.
 */
import { useMutation } from '@tanstack/react-query';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiProblem } from '../api/client.ts';
import { type Key, useRefresh } from '../api/queries.ts';
import { explain } from './problem.tsx';

export interface SubmitOptions<V, R> {
  readonly send: (values: V, headers: { 'Idempotency-Key': string }) => Promise<R>;
  readonly done?: (result: R, values: V) => void;
  readonly refreshes?: readonly Key[];
  /** The form whose fields problems may name. `fieldOf`: the form's name for a field of the API. */
  readonly form?: { setFieldError: (path: string, error: string) => void; getValues: () => object };
  readonly fieldOf?: (field: string) => string;
}

export function useSubmit<V, R>({ send, done, refreshes = [], form, fieldOf }: SubmitOptions<V, R>) {
  const { t } = useTranslation();
  const refresh = useRefresh();
  const draft = useRef({ body: '', key: '' });
  const mutation = useMutation<R, Error, V>({
    mutationFn: (values) => {
      const body = JSON.stringify(values) ?? '';
      if (draft.current.body !== body || draft.current.key === '')
        draft.current = { body, key: crypto.randomUUID() };
      return send(values, { 'Idempotency-Key': draft.current.key });
    },
    async onSuccess(result, values) {
      draft.current = { body: '', key: '' };
      done?.(result, values);
      await refresh(...refreshes);
    },
    onError(error) {
      if (!(error instanceof ApiProblem)) return;
      draft.current = { body: '', key: '' };
      const field = fieldIn(error, form, fieldOf);
      if (field !== null) form?.setFieldError(field, explain(t, error));
    },
  });
  const { error } = mutation;
  const shownBesideField = error instanceof ApiProblem && fieldIn(error, form, fieldOf) !== null;
  return {
    submit: mutation.mutate,
    pending: mutation.isPending,
    /** The problem to show above the form. */
    problem: shownBesideField ? null : error,
    reset: mutation.reset,
    /** The last successful answer. */
    result: mutation.data,
  };
}

/** The form's field that a problem names: `names[2]` and `limits.per_day` belong to `names` and `limits`, if they exist. */
function fieldIn(
  { field }: ApiProblem,
  form: SubmitOptions<never, never>['form'],
  fieldOf: (field: string) => string = (name) => name,
): string | null {
  if (field === null || form === undefined) return null;
  const mapped = fieldOf(field);
  const values = form.getValues();
  return [mapped, mapped.replace(/[.[].*$/, '')].find((name) => Object.hasOwn(values, name)) ?? null;
}
