// The language of the texts, and the locale that numbers and dates follow.

export const languages = { en: 'English', de: 'Deutsch' } as const

export type Language = keyof typeof languages

const key = 'wattwerk-language'

function isLanguage(s: string | null | undefined): s is Language {
  return s !== null && s !== undefined && s in languages
}

/** The language that was chosen, else the first of the browser's that there is, else English. */
export function choose(stored: string | null, wanted: readonly string[]): { language: Language; locale: string } {
  const language = isLanguage(stored) ? stored : (wanted.map((w) => w.split('-')[0]?.toLowerCase()).find(isLanguage) ?? 'en')
  // Austrian German writes numbers in its own way: the region is kept.
  const locale = wanted.find((w) => w.split('-')[0]?.toLowerCase() === language) ?? language
  return { language, locale }
}

function stored(): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null // storage can be switched off
  }
}

const chosen = choose(typeof localStorage === 'undefined' ? null : stored(), typeof navigator === 'undefined' ? [] : navigator.languages)

export const language = chosen.language
/** What Intl is given everywhere. */
export const locale = chosen.locale

/** Shows everything in another language, from now on. */
export function speak(next: Language): void {
  try {
    localStorage.setItem(key, next)
  } catch {
    return
  }
  window.location.reload()
}
