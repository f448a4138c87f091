import { formatter } from '@lingui/format-po'

// Messages stand in the sources in English; src/locales has them in each language.
export default {
  locales: ['en', 'de'],
  sourceLocale: 'en',
  fallbackLocales: { default: 'en' },
  catalogs: [{ path: 'src/locales/{locale}', include: ['src'], exclude: ['**/*.test.*'] }],
  format: formatter({ origins: false, printPlaceholdersInComments: false }),
  orderBy: 'message',
}
