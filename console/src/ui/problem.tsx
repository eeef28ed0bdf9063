/** What went wrong, in the reader's words, with what can be done; the service's own detail stands below. */
import { Alert, Button, Text } from '@mantine/core';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { ApiProblem, Unreachable } from '../api/client.ts';
import { named, showNumber } from '../i18n.ts';
import { PasskeyFailed } from '../session/passkeys.ts';
import { detailText } from './details.ts';

/** One or two sentences: the kind of problem, and the detail where the kind alone does not say enough. */
export function explain(t: TFunction, error: Error): string {
  if (error instanceof PasskeyFailed) return t('problem.passkey');
  if (!(error instanceof ApiProblem))
    return error instanceof Unreachable ? t('problem.unreachable') : t('problem.unexpected');
  const kind = named(t, 'problem.type', error.type);
  if (kind === error.type)
    return error.message === '' ? t('problem.unknown', { status: error.status }) : error.message;
  const detail = error.field === null ? error.message : error.message.replace(`${error.field}: `, '');
  const known = error.field === null ? null : detailText(detail);
  if (known !== null) return String(t(known.key as never, inWords(known.values) as never));
  return error.status === 400 && detail !== '' ? t('problem.with_detail', { kind, detail }) : kind;
}
/** Numbers as the reader writes them. */
function inWords(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, text]) => [
      name,
      /^\d+$/.test(text) ? showNumber(Number(text)) : text,
    ]),
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
  const text = explain(t, error);
  const detail = error instanceof ApiProblem ? error.message : '';
  const wait = error instanceof ApiProblem ? error.retryAfter : null;
  return (
    <Alert color="red" title={text} role="alert">
      {detail !== '' && !text.includes(detail.slice(detail.indexOf(': ') + 2)) && (
        <Text size="sm" className="wrap">
          {detail}
        </Text>
      )}
      {wait !== null && <Text size="sm">{t('problem.retry_after', { seconds: wait })}</Text>}
      {retry !== undefined && (
        <Button mt="xs" size="xs" variant="default" onClick={retry}>
          {t('common.retry')}
        </Button>
      )}
    </Alert>
  );
}
