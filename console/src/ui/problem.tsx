/** Shows what went wrong, in the reader's language, and what the reader can do. Further details stand below. */
import { Alert, Button, Text } from '@mantine/core';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { ApiProblem, Unreachable } from '../api/client.ts';
import { named, showNumber, showTime } from '../i18n.ts';
import { PasskeyFailed } from '../session/passkeys.ts';
import { detailText } from './details.ts';

/** Types whose detail says more than the type and may be any text: a DNS provider's message, an id of the log. */
const FREE = /^(dns-.*|conflict|internal|validation|bad-request|invalid-json)$/;

const TIME = /^\d{4}-\d{2}-\d{2}T\S+Z$/;

/** One or two sentences: the kind of problem, and the detail if the kind alone does not say enough. */
export function explain(t: TFunction, error: Error): string {
  if (error instanceof PasskeyFailed) return t('problem.passkey');
  if (!(error instanceof ApiProblem))
    return error instanceof Unreachable ? t('problem.unreachable') : t('problem.unexpected');
  const kind = named(t, 'problem.type', error.type);
  if (kind === error.type)
    return error.message === '' ? t('problem.unknown', { status: error.status }) : error.message;
  if (error.field === null) return kind;
  // Without the name of the field: the form shows it already.
  const detail = error.message.replace(`${error.field}: `, '');
  return inWords(t, detail) ?? (detail === '' ? kind : t('problem.with_detail', { kind, detail }));
}
function inWords(t: TFunction, detail: string): string | null {
  const known = detailText(detail);
  if (known === null) return null;
  const values = Object.entries(known.values).map(([name, text]) => [
    name,
    /^\d+$/.test(text) ? showNumber(Number(text)) : TIME.test(text) ? showTime(text) : text,
  ]);
  return String(t(known.key as never, Object.fromEntries(values) as never));
}
/** What `explain` does not say. If the detail has no text in the reader's language, the service's own text is shown. */
export function Detail({ error }: { readonly error: ApiProblem }) {
  const { t } = useTranslation();
  const known = error.field === null ? inWords(t, error.message) : t('problem.field', { field: error.field });
  if (known === null && (error.message === '' || !FREE.test(error.type))) return null;
  return (
    <Text size="sm" className="wrap" {...(known === null ? { lang: 'en' } : {})}>
      {known ?? error.message}
    </Text>
  );
}

export function ProblemAlert({
  error,
  retry,
}: {
  readonly error: Error | null;
  readonly retry?: () => void;
}) {
  const { t } = useTranslation();
  if (error === null) return null;
  const wait = error instanceof ApiProblem ? error.retryAfter : null;
  return (
    <Alert color="red" title={explain(t, error)} role="alert">
      {error instanceof ApiProblem && <Detail error={error} />}
      {wait !== null && <Text size="sm">{t('problem.retry_after', { seconds: wait })}</Text>}
      {retry !== undefined && (
        <Button mt="xs" size="xs" variant="default" onClick={retry}>
          {t('common.retry')}
        </Button>
      )}
    </Alert>
  );
}
