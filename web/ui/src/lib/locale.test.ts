import { expect, test } from 'vitest'
import { choose } from './locale'

test.each([
  { stored: null, wanted: ['de-AT', 'en'], language: 'de', locale: 'de-AT' },
  { stored: null, wanted: ['fr-FR', 'de'], language: 'de', locale: 'de' },
  { stored: null, wanted: ['fr'], language: 'en', locale: 'en' },
  { stored: null, wanted: [], language: 'en', locale: 'en' },
  { stored: 'en', wanted: ['de-DE', 'en-GB'], language: 'en', locale: 'en-GB' },
  { stored: 'de', wanted: ['en-US'], language: 'de', locale: 'de' },
  { stored: 'xx', wanted: ['en-US'], language: 'en', locale: 'en-US' },
])('$stored and $wanted give $language as $locale', ({ stored, wanted, language, locale }) => {
  expect(choose(stored, wanted)).toEqual({ language, locale })
})
