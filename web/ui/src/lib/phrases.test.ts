import { i18n } from '@lingui/core'
import { beforeAll, expect, test } from 'vitest'
import type { Case } from '../api/generated/types.gen'
import { sentenceOf } from '../alerts/words'
import { reasonOf } from '../system/letters'
import { problem } from './problems'

interface Said {
  code: string
  params: Case
  english: string
  german: string
}

// Alerts as the program words them, in both languages.
const cases = Object.values(import.meta.glob<Said[]>('../../../../alert/rule/testdata/cases.json', { import: 'default', eager: true })).flat()

// The codes of the program, in the order of their kinds.
const source = Object.values(import.meta.glob<string>('../../../../internal/phrase/codes.go', { query: '?raw', import: 'default', eager: true })).join('')
const codes = (part: string) => [...(source.split(/^const \(/m).find((x) => x.includes(part)) ?? '').matchAll(/Code = "([^"]+)"/g)].map((m) => m[1] ?? '')

beforeAll(async () => {
  const { messages } = await import('../locales/de.po')
  i18n.loadAndActivate({ locale: 'de', messages })
})

test('every alert of the program is said by the page, in German', () => {
  const known = codes('AlertAbove')
  expect(known.length).toBeGreaterThan(8)
  const said = cases.filter((x) => x.code !== 'alert-test')
  expect([...new Set(cases.map((x) => x.code))].sort()).toEqual([...known].sort())
  for (const x of said) {
    const here = sentenceOf({ sentence: x.english, code: x.code, params: x.params }).replaceAll('\u00a0', ' ')
    expect(here).not.toBe(x.english)
    // The change stands first, as in the messages.
    expect(here.split(/ nach |:/)[0]).toBe(x.german.split(/ nach |:/)[0])
  }
})

test('what is not known stands as it came', () => {
  const [x] = cases
  if (!x) throw new Error('there are no cases')
  expect(sentenceOf({ sentence: 'Fired: something', params: x.params, code: 'alert-new' })).toBe('Fired: something')
  expect(sentenceOf({ sentence: 'Fired: something' })).toBe('Fired: something')
  expect(sentenceOf({ sentence: 'Fired: something', code: 'alert-above', params: { ...x.params, change: 'paused' } })).toBe('Fired: something')
  expect(reasonOf({ reason: 'a new reason', code: 'new' }, 'UTC')).toBe('a new reason')
})

test('every reason of a dead letter is said by the page, in German', () => {
  const known = codes('IdentifierEmpty')
  expect(known.length).toBeGreaterThan(25)
  const english = 'the English sentence'
  for (const code of known) {
    const said = reasonOf({ reason: english, code, params: { count: 3, last: 'too-old', faults: 9, more: 2, processor: 'p', sink: 's', time: '2026-03-30T12:00:00Z', error: 'x', kind: 'sensor' } }, 'Europe/Berlin')
    expect(said, code).not.toBe(english)
    expect(said, code).toMatch(/\(und 2 weitere(r|s)? /)
    expect(said, code).not.toMatch(/undefined|NaN|\bthe\b/)
  }
})

test('every problem of the program is said by the page, in German', () => {
  const known = codes('SignInRefused')
  expect(known.length).toBeGreaterThan(10)
  const words = Object.values(import.meta.glob<string>('./problems.ts', { query: '?raw', import: 'default', eager: true })).join('')
  const here = [...words.matchAll(/^ {2}'([a-z-]+)': \(\) =>/gm)].map((m) => m[1] ?? '')
  expect(here.sort()).toEqual([...known].sort())
  for (const code of known) expect(problem(503, `urn:wattwerk:problem:${code}`, 'English', 'de')).not.toMatch(/English|\bthe\b/)
})

test('of other problems the page says the kind, and the server the rest', () => {
  expect(problem(412, undefined, 'the model is at revision 17', 'de')).toBe('Es wurde inzwischen geändert. Bitte neu laden.\nthe model is at revision 17')
  expect(problem(422, 'urn:wattwerk:problem:new', 'there is no sensor "x"', 'en')).toBe('there is no sensor "x"')
  expect(problem(418, undefined, 'I am a teapot', 'de')).toBe('I am a teapot')
  expect(problem(404, undefined, '', 'de')).toBe('Das gibt es hier nicht.')
})
