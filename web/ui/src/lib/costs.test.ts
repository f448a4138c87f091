import { expect, test } from 'vitest'
import { amount, bars, beside, decimal, money, periodAt, periodOf, sizes } from './costs'

const at = (s: string) => Date.parse(s)

test.each([
  ['day', '2026-10-25T12:00:00Z', '2026-10-25', 25],
  ['day', '2026-03-29T12:00:00Z', '2026-03-29', 23],
  ['week', '2026-10-25T12:00:00Z', '2026-W43', 169],
  ['week', '2027-01-02T12:00:00Z', '2026-W53', 168],
  ['week', '2024-12-31T12:00:00Z', '2025-W01', 168],
  ['month', '2026-10-31T23:30:00Z', '2026-11', 720],
  ['month', '2026-10-31T22:30:00Z', '2026-10', 745],
  ['year', '2026-10-25T12:00:00Z', '2026', 8760],
] as const)('%s of %s in Berlin is %s', (unit, moment, text, hours) => {
  const p = periodAt(unit, at(moment), 'Europe/Berlin')
  expect(p.text).toBe(text)
  expect((p.to - p.from) / 3_600_000).toBe(hours)
  expect(periodOf(p, 'Europe/Berlin')).toEqual(p)
})

test('the day of half an hour on Lord Howe Island', () => {
  const p = periodAt('day', at('2026-04-04T20:00:00Z'), 'Australia/Lord_Howe')
  expect([p.text, (p.to - p.from) / 3_600_000]).toEqual(['2026-04-05', 24.5])
})

test('a span that is no period means the one it begins in', () => {
  const from = at('2026-05-13T10:00:00Z')
  const of = (days: number) => periodOf({ from, to: from + days * 86_400_000 }, 'UTC').text
  expect([of(0.5), of(6), of(30), of(300)]).toEqual(['2026-05-13', '2026-W20', '2026-05', '2026'])
  expect(periodAt('month', from, 'UTC', -5).text).toBe('2025-12')
  expect(Object.keys(sizes)).toEqual(['day', 'week', 'month', 'year'])
})

const w = { start: [0, 10, 20, 30], end: [10, 20, 30, 40], amount: [5, null, -4, 0], estimated: [2, null, 9, 0], completeness: [1, 0, 0.5, 1], quality: ['estimated' as const, 'none' as const, 'corrected' as const, 'measured' as const], settled: 35 }

test('bars keep what is unknown, estimated and open apart', () => {
  expect(bars(w, false)).toEqual([
    { start: 0, end: 10, amount: 5, estimated: 2, completeness: 1, quality: 'estimated', open: false },
    { start: 10, end: 20, amount: null, estimated: null, completeness: 0, quality: 'none', open: false },
    { start: 20, end: 30, amount: -4, estimated: -4, completeness: 0.5, quality: 'corrected', open: false },
    { start: 30, end: 40, amount: 0, estimated: 0, completeness: 1, quality: 'measured', open: true },
  ])
})

test('hours stand beside those of the same clock time, whatever the clock did', () => {
  const hours = (from: string, n: number) => Array.from({ length: n }, (_, i) => ({ start: at(from) + i * 3_600_000, end: at(from) + (i + 1) * 3_600_000, amount: i, estimated: 0, completeness: 1, quality: 'measured' as const, open: false }))
  // 25 hours in Berlin beside the 24 of the day before.
  const own = hours('2026-10-24T22:00:00Z', 25)
  expect(beside(own, hours('2026-10-23T22:00:00Z', 24), 'Europe/Berlin').map((b) => b?.amount)).toEqual([0, 1, 2, 2, ...Array.from({ length: 21 }, (_, i) => i + 3)])
  // 23 hours in spring leave one of the day before out, 24 beside 23 have one without.
  const spring = hours('2026-03-28T23:00:00Z', 23)
  const before = hours('2026-03-27T23:00:00Z', 24)
  expect(beside(spring, before, 'Europe/Berlin').map((b) => b?.amount)).toEqual([0, 1, 3, ...Array.from({ length: 20 }, (_, i) => i + 4)])
  expect(beside(before, spring, 'Europe/Berlin').filter((b) => b === undefined)).toHaveLength(1)
})

test('of a metered group the meter counts, with what its sensor knows', () => {
  const m = { ...w, amount: null, meter: [6, null, 1, 1] }
  expect(bars(m, true).map((b) => [b.amount, b.estimated])).toEqual([[6, null], [null, null], [1, null], [1, null]])
  expect(bars(m, true, { ...w, start: [0, 20], estimated: [1, 0], completeness: [0.9, 1] }).map((b) => [b.amount, b.estimated, b.completeness])).toEqual([[6, 1, 0.9], [null, null, 0], [1, 0, 1], [1, null, 1]])
})

test('amounts and money are written as people write them', () => {
  expect(amount(1234567, 'Wh', 'en')).toBe('1.23\u00a0MWh')
  expect(amount(1234.5, 'm³', 'en')).toBe('1,234.5\u00a0m³')
  expect(amount(null, 'm³', 'en')).toBe('–')
  expect(money('1234.5', 'EUR', 'de')).toBe('1.234,50\u00a0€')
  expect(money('0.000001', 'EUR', 'en')).toBe('€0.00')
  expect(money(null, 'EUR', 'en')).toBe('–')
  expect(money('', 'EUR', 'en')).toBe('–')
  expect(money('5', 'no currency', 'en')).toBe('5.00\u00a0no currency')
  expect(money('2500', 'gCO2e', 'en')).toBe('2.50\u00a0kg\u00a0CO₂e')
  expect(money('2500000', 'gCO2e', 'en')).toBe('2.5\u00a0t\u00a0CO₂e')
  expect(decimal('0.2857100', 9, 'en')).toBe('0.28571')
})
