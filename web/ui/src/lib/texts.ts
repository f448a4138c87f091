// The texts in the chosen language: those of the first page, and the rest when
// another page is gone to (vite.config.ts parts them).

import { i18n } from '@lingui/core'
import { language, locale } from './locale'

const first = { en: () => import('../locales/en.po'), de: () => import('../locales/de.po') }
const others = { en: () => import('../locales/en.po?lingui'), de: () => import('../locales/de.po?lingui') }

export async function firstTexts(): Promise<void> {
  const { messages } = await first[language]()
  i18n.loadAndActivate({ locale: language, locales: locale, messages })
}

let rest: Promise<void> | undefined

export function otherTexts(): Promise<void> {
  rest ??= others[language]().then(
    ({ messages }) => i18n.load(language, messages),
    (e: unknown) => {
      rest = undefined
      throw e
    },
  )
  return rest
}
