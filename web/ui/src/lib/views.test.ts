import { expect, test } from 'vitest'
import { highest, rowsOfHours, week, weighted } from './profile'
import { total } from './settled'
import { shares, type Share } from './shares'
import { stateOf } from './state'
import { coarse, windowSize } from './steps'

const hour = 3_600_000

test('a span that follows the clock is asked for on a grid that holds it', () => {
  const at = Date.parse('2026-10-25T01:02:03Z')
  const c = coarse({ from: at - hour, to: at }, true)
  expect(c.from).toBeLessThanOrEqual(at - hour)
  expect(c.to).toBeGreaterThanOrEqual(at)
  expect(coarse({ from: at - hour + 1000, to: at + 1000 }, true)).toEqual(c)
  expect(coarse({ from: 17, to: 99_999 }, false)).toEqual({ from: 17, to: 99_999 })
})

test('some dozens of windows fill each span', () => {
  const sizes = [1, 6, 24, 7 * 24, 30 * 24, 365 * 24].map((h) => windowSize({ from: 0, to: h * hour }))
  expect(sizes).toEqual(['5m', '15m', '1h', '1h', '1d', '1M'])
})

test('shares: the largest by themselves, the others together, nothing unknown as 0', () => {
  const s = (id: string, value: number | null): Share => ({ id, kind: 'sensor', label: id, value })
  const names = { others: (n: number) => `${n} others`, unaccounted: 'unaccounted' }
  const r = shares([s('a', 5), s('b', null), s('c', 50), s('d', -20), s('e', 1), s('f', 2)], 7, 3, names)
  expect(r.parts.map((p) => [p.label, p.value])).toEqual([['c', 50], ['a', 5], ['d', -20], ['2 others', 3], ['unaccounted', 7]])
  expect([r.others, r.unknown]).toEqual([2, 1])
  // Nobody is "1 other".
  expect(shares([s('a', 3), s('b', 2), s('c', 1)], undefined, 2, names).parts.map((p) => p.label)).toEqual(['a', 'b', 'c'])
  expect(shares([s('a', null)], null, 2, names)).toEqual({ parts: [], others: 0, unknown: 1 })
})

test('the hours of a week stand by weekday and hour, unknown ones nowhere', () => {
  const values = Array.from({ length: 168 }, (_, i) => (i === 25 ? null : i))
  const c = week(values)
  expect(c.known.length).toBe(167)
  expect(c.known.find(([x, y]) => x === 1 && y === 1)).toBeUndefined()
  expect(highest(c)).toEqual([23, 6, 167])
  expect(rowsOfHours([[1, null], []]).known).toEqual([[0, 0, 1]])
  expect(week([]).max).toBeNull()
})

test('what is not settled adds nothing, and what is not known is not 0', () => {
  const w = { start: [0, 10, 20], end: [10, 20, 30], amount: [4, null, 9], estimated: [1, null, 9], completeness: [1, 0.5, 0], settled: 20 }
  expect(total(w, false)).toEqual({ amount: 4, estimated: 0.25, completeness: 0.75, windows: 2 })
  expect(total({ ...w, settled: 0 }, false)).toEqual({ amount: null, estimated: null, completeness: null, windows: 0 })
  expect(total({ ...w, meter: [5, 6, 7] }, true).amount).toBe(11)
})

test('means are weighted by what there is', () => {
  expect(weighted([1, null, 4], [1, 5, 2])).toBe(3)
  expect(weighted([null], [0])).toBeNull()
})

test('live, late, silent, never', () => {
  const s = { interval: '10s', maxAge: '30s' }
  expect(stateOf(s, undefined, 0)).toBe('never')
  expect(stateOf(s, 0, 12_000)).toBe('live')
  expect(stateOf(s, 0, 20_000)).toBe('late')
  expect(stateOf(s, 0, 31_000)).toBe('silent')
})
