/** Switches between Japanese and English at once. Each language is named in that language. */
import { SegmentedControl, VisuallyHidden } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { changeLanguage, isLanguage, LANGUAGES, language } from '../i18n.ts';

export function LanguageSwitch() {
  const { t } = useTranslation();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t('language.label')}
      value={language()}
      onChange={(to) => {
        if (isLanguage(to)) void changeLanguage(to);
      }}
      data={LANGUAGES.map((value) => ({
        value,
        label: (
          <span lang={value}>
            <span aria-hidden="true">{t(`language.short.${value}`)}</span>
            <VisuallyHidden>{t(`language.name.${value}`)}</VisuallyHidden>
          </span>
        ),
      }))}
    />
  );
}
