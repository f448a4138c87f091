import { expect, test } from 'vitest'
import { before, calendar, ends, fromSearch, onto, part, spanSearch, toSearch, type Span } from './span'

const utc = (s: string) => Date.parse(s)
const iso = (s: { from: number; to: number }) => [new Date(s.from).toISOString(), new Date(s.to).toISOString()]

test('an address leads to the span that it was made of', () => {
  for (const s of [{ live: '7d' }, { live: '1h' }, { from: 1_000_000, to: 2_000_000 }] as Span[]) {
    expect(fromSearch(spanSearch(JSON.parse(JSON.stringify(toSearch(s))) as Record<string, unknown>), '24h')).toEqual(s)
  }
})

test.each([
  [{}, {}],
  [{ span: '3 fortnights' }, {}],
  [{ from: 'x', to: '5' }, {}],
  [{ from: 5000, to: 4000 }, {}],
  [{ from: 0, to: 9e15 }, {}],
  [{ from: 9e15, to: 9e15 + 86_400_000 }, {}],
  [{ from: -9e15, to: -9e15 + 86_400_000 }, {}],
  [{ from: 8.6e15, to: 8.6e15 + 86_400_000 }, {}],
  [{ from: '1e999', to: '1e999' }, {}],
  [{ from: '1000', to: '900000' }, { from: 1000, to: 900000 }],
  [{ from: 1000 }, {}],
])('%o is read as %o', (search, want) => {
  expect(spanSearch(search)).toEqual(want)
})

test('a live span ends now', () => {
  expect(ends({ live: '1h' }, 10_000_000)).toEqual({ from: 6_400_000, to: 10_000_000 })
})

test('zooming and panning stay within what can be', () => {
  const s = { from: 1_000_000, to: 2_000_000 }
  expect(part(s, 0.25, 0.75, 1e12)).toEqual({ from: 1_250_000, to: 1_750_000 })
  expect(part(s, -0.5, 0.5, 1e12)).toEqual({ from: 500_000, to: 1_500_000 })
  expect(part(s, 0.5, 1.5, 2_100_000)).toEqual({ from: 1_100_000, to: 2_100_000 })
  expect(part(s, 0.5, 0.5, 1e12)).toEqual({ from: 1_495_000, to: 1_505_000 })
})

test('a calendar month is compared with the month before, not with 31 days', () => {
  const march = calendar('month', utc('2026-03-10T00:00:00Z'), 'Europe/Berlin')
  expect(iso(before(march, 'previous', 'Europe/Berlin'))).toEqual(['2026-01-31T23:00:00.000Z', '2026-02-28T23:00:00.000Z'])
  expect(iso(before(march, 'year', 'Europe/Berlin'))).toEqual(['2025-02-28T23:00:00.000Z', '2025-03-31T22:00:00.000Z'])
})

test('the same weekdays a week before keep the time of day across a clock change', () => {
  const s = { from: utc('2026-03-30T06:00:00Z'), to: utc('2026-03-30T14:00:00Z') }
  expect(iso(before(s, 'week', 'Europe/Berlin'))).toEqual(['2026-03-23T07:00:00.000Z', '2026-03-23T15:00:00.000Z'])
})

test('anything else is compared with as much before it', () => {
  expect(before({ from: 1000, to: 5000 }, 'previous', 'UTC')).toEqual({ from: -3000, to: 1000 })
})

const berlin = 'Europe/Berlin'
const howe = 'Australia/Lord_Howe'

test.each([
  // On the day that is shown, of which before, what was then, where it is drawn.
  ['2026-10-25', berlin, 'week', '2026-10-18T12:00:00+02:00', '2026-10-25T12:00:00+01:00'],
  ['2026-10-25', berlin, 'previous', '2026-10-24T12:00:00+02:00', '2026-10-25T12:00:00+01:00'],
  ['2026-10-25', berlin, 'year', '2025-10-25T12:00:00+02:00', '2026-10-25T12:00:00+01:00'],
  ['2026-10-26', berlin, 'previous', '2026-10-25T12:00:00+01:00', '2026-10-26T12:00:00+01:00'],
  ['2026-03-29', berlin, 'week', '2026-03-22T12:00:00+01:00', '2026-03-29T12:00:00+02:00'],
  ['2026-03-29', berlin, 'previous', '2026-03-28T12:00:00+01:00', '2026-03-29T12:00:00+02:00'],
  ['2026-03-29', berlin, 'week', '2026-03-22T02:30:00+01:00', undefined],
  ['2026-03-30', berlin, 'previous', '2026-03-29T12:00:00+02:00', '2026-03-30T12:00:00+02:00'],
  ['2026-04-05', howe, 'week', '2026-03-29T12:00:00+11:00', '2026-04-05T12:00:00+10:30'],
  ['2026-10-04', howe, 'previous', '2026-10-03T12:10:00+10:30', '2026-10-04T12:10:00+11:00'],
  ['2026-10-04', howe, 'previous', '2026-10-03T02:10:00+10:30', undefined],
  ['2026-10-04', howe, 'year', '2025-10-04T12:00:00+10:30', '2026-10-04T12:00:00+11:00'],
] as const)('on %s in %s, %s: %s is drawn at %s', (day, zone, kind, was, at) => {
  const s = calendar('day', utc(`${day}T02:00:00Z`), zone)
  expect(onto(s, kind, zone)(utc(was))).toBe(at === undefined ? undefined : utc(at))
})

test('days of a month before are counted from its first, and those of a year have their dates', () => {
  const april = calendar('month', utc('2026-04-10T00:00:00Z'), berlin)
  expect(onto(april, 'previous', berlin)(utc('2026-03-05T12:00:00+01:00'))).toBe(utc('2026-04-05T12:00:00+02:00'))
  const year = calendar('year', utc('2025-04-10T00:00:00Z'), berlin)
  expect(onto(year, 'previous', berlin)(utc('2024-12-05T12:00:00+01:00'))).toBe(utc('2025-12-05T12:00:00+01:00'))
})

test('what follows the clock lies as far behind as it is long', () => {
  const s = { from: utc('2026-10-25T09:00:00Z'), to: utc('2026-10-26T09:15:00Z') }
  expect(before(s, 'previous', berlin, 86_400_000)).toEqual({ from: s.from - 86_400_000, to: s.to - 86_400_000 })
  expect(onto(s, 'previous', berlin, 86_400_000)(5)).toBe(86_400_005)
  expect(onto({ from: 1000, to: 5000 }, 'previous', berlin)(5)).toBe(4005)
})
