import { i18n } from '@lingui/core'
import { beforeAll, expect, test } from 'vitest'
import { understood } from './understood'

const source = Object.values(import.meta.glob<string>('../../../../energy/words.go', { query: '?raw', import: 'default', eager: true })).join('')

beforeAll(() => i18n.loadAndActivate({ locale: 'en', messages: {} }))

test('every kind of odd reading has a sentence of the page', () => {
  const kinds = [...(/var kinds = \[...\]string\{([^}]*)\}/.exec(source)?.[1] ?? '').matchAll(/"([^"]+)"/g)].map((m) => m[1] ?? '').filter((k) => k !== 'normal')
  expect(kinds.length).toBeGreaterThan(7)
  const said = kinds.map((kind) => understood({ kind, before: 120, after: 3, sentence: 'as it came' }, { unit: 'Wh' }))
  expect(new Set(said).size).toBe(kinds.length)
  expect(said).not.toContain('as it came')
  expect(understood({ kind: 'new', before: 1, after: 2, sentence: 'as it came' }, { unit: 'Wh' })).toBe('as it came')
})
