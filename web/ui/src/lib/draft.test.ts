import { expect, test } from 'vitest'
import { draftOf, draftRef, taken } from './draft'

test('an address names a draft', () => {
  expect(draftOf(draftRef('a b'))).toBe('a b')
  expect(draftOf('new')).toBeUndefined()
})

test('what was kept comes back, without what would make it run', () => {
  const d = { manifest: { name: 'half', state: 'running', gateway: 'hall', processors: [{ name: 'f', from: ['a', 3], to: 'x' }, 7] }, loose: { sources: ['s'], sinks: 'none' } }
  expect(taken(d)).toEqual({ manifest: { name: 'half', gateway: 'hall', processors: [{ name: 'f', from: ['a'], to: 'x' }] }, loose: { sources: ['s'], sinks: [] } })
})

test('anything else is an empty one', () => {
  for (const d of [null, 1, [], { manifest: [] }, { manifest: { name: 4, processors: 'x' }, loose: null }]) expect(taken(d)).toEqual({ manifest: { name: '', processors: [] }, loose: { sources: [], sinks: [] } })
})
