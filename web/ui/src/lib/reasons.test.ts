import { expect, test } from 'vitest'
import { matching } from './reasons'

// The program's own sources, and the page's.
const program = import.meta.glob<string>(['../../../../service/{appliance,occupancy,saving}/*.go', '!**/*_test.go'], { query: '?raw', import: 'default', eager: true })
const pages = import.meta.glob<string>('../services/reasons.ts', { query: '?raw', import: 'default', eager: true })

test('a sentence gives back what was put in', () => {
  expect(matching('%d of %.1f %% (limit %.0f)', '3 of 4.5 % (limit 6)')).toEqual(['3', '4.5', '6'])
  expect(matching('nothing is known', 'nothing is known')).toEqual([])
  expect(matching('nothing is known', 'nothing is known of it')).toBeUndefined()
})

test('every sentence that S2, S5 and S6 say is known to the pages', () => {
  const known = Object.values(pages).join('')
  const said = Object.values(program).flatMap((text) => [...text.matchAll(/(?:\.say\(|(?:Refused = |Why = append\([\w.]+, )(?:fmt\.Sprintf\()?)"([^"]+)"/g)].map((m) => m[1] ?? ''))
  expect(said.length).toBeGreaterThan(25)
  expect(said.filter((s) => !known.includes(`'${s}'`))).toEqual([])
})

test('every rule of the doctor is known to the pages', () => {
  const rules = import.meta.glob<string>(['../../../../doctor/{rules,owners}.go'], { query: '?raw', import: 'default', eager: true })
  const words = Object.values(import.meta.glob<string>('../system/findings.ts', { query: '?raw', import: 'default', eager: true })).join('')
  const names = Object.values(rules).flatMap((text) => [...text.matchAll(/Rule: "([^"]+)"/g)].map((m) => m[1] ?? ''))
  expect(names.length).toBeGreaterThan(30)
  expect(names.filter((n) => !words.includes(`'${n}': (`) && !words.includes(`\n    ${n}: (`))).toEqual([])
})

test('every reason of what stands in is known to the pages', () => {
  const sources = import.meta.glob<string>(['../../../../substitute/{agent,candidates,choice,fit,methods}.go', '!**/*_test.go'], { query: '?raw', import: 'default', eager: true })
  const words = Object.values(import.meta.glob<string>('../substitutes/reasons.ts', { query: '?raw', import: 'default', eager: true })).join('')
  const said = Object.values(sources).flatMap((text) =>
    [...text.matchAll(/(?:Reason: |why :?= |why = |fault = |refuse\([^"\n]*|return (?:n, |nil, )?)(?:fmt\.Sprintf\()?\s*"([^"]* [^"]*)"/g)].map((m) => m[1] ?? ''),
  )
  expect(said.length).toBeGreaterThan(35)
  const put = ['%s; the last change was less than %s ago', '%s: %s', '%s: %s is %s', 'place %d']
  expect(said.filter((s) => !put.includes(s) && !words.includes(`'${s}'`))).toEqual([])
})
