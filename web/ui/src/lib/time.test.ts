import { expect, test } from 'vitest'
import { axisLabels, clear, isoWithOffset, timeRange, weekdays, zoneNames } from './time'

test.each([
  ['2026-03-29T00:59:59Z', 'Europe/Berlin', '2026-03-29T01:59:59+01:00'],
  ['2026-03-29T01:00:00Z', 'Europe/Berlin', '2026-03-29T03:00:00+02:00'],
  ['2026-10-03T15:30:00.250Z', 'Australia/Lord_Howe', '2026-10-04T02:30:00.250+11:00'],
  ['2026-01-01T00:00:00Z', 'Asia/Kathmandu', '2026-01-01T05:45:00+05:45'],
  ['2026-07-01T12:00:00Z', 'America/New_York', '2026-07-01T08:00:00-04:00'],
  ['2026-07-01T12:00:00Z', 'UTC', '2026-07-01T12:00:00+00:00'],
])('%s in %s is %s', (at, zone, want) => {
  expect(isoWithOffset(Date.parse(at), zone)).toBe(want)
  expect(Date.parse(want)).toBe(Date.parse(at))
})

test('an axis says the day where it begins, and both hours that a clock change repeats', () => {
  const from = Date.parse('2026-10-24T22:00:00Z')
  const labels = axisLabels([0, 1, 2, 3, 4, 25].map((h) => from + h * 3_600_000), 3_600_000, 'Europe/Berlin')
  expect(labels.map((l) => l.split('\n')[0]?.replace(/ ?AM| ?PM/, ''))).toEqual(expect.arrayContaining([expect.stringMatching(/0?2:00/)]))
  expect(labels.filter((l) => /^0?2:00/.test(l))).toHaveLength(2)
  expect(labels[0]).toContain('\n')
  expect(labels[1]).not.toContain('\n')
  expect(labels[5]).toContain('\n')
})

test('weeks begin on Monday', () => {
  expect(weekdays('long')).toHaveLength(7)
  expect(weekdays('long')[0]).toBe('Monday')
})

test('on the days of the clock changes an axis has each hour once, or twice, or not at all', () => {
  const hours = (from: string, n: number, zone: string, by = 3_600_000) =>
    axisLabels(Array.from({ length: n }, (_, i) => Date.parse(from) + i * by), by, zone).map((l) => l.split('\n')[0] ?? '')
  const clock = (s: string) => (t: string) => t.replace(/^0/, '').startsWith(s)
  const early = (labels: string[], s: string) => labels.slice(0, 10).filter(clock(s)).length
  const spring = hours('2026-03-28T23:00:00Z', 23, 'Europe/Berlin')
  expect(early(spring, '2:00')).toBe(0)
  expect(early(spring, '3:00')).toBe(1)
  // Lord Howe Island skips and repeats half an hour.
  const half = 1_800_000
  const skipped = hours('2026-10-03T13:30:00Z', 47, 'Australia/Lord_Howe', half)
  const repeated = hours('2026-04-04T13:00:00Z', 49, 'Australia/Lord_Howe', half)
  expect([early(skipped, '1:30'), early(skipped, '2:00'), early(skipped, '2:30')]).toEqual([1, 0, 1])
  expect([early(repeated, '1:00'), early(repeated, '1:30'), early(repeated, '2:00')]).toEqual([1, 2, 1])
})

test('a time that clocks show twice says which it is', () => {
  const at = (x: string) => Date.parse(x)
  const berlin = 'Europe/Berlin'
  // Locales put other spaces between.
  const said = (x: string) => x.replace(/\s+/gu, ' ')
  const summer = zoneNames(berlin, at('2026-07-01T00:00:00Z'), at('2026-07-02T00:00:00Z'))
  const winter = zoneNames(berlin, at('2026-12-01T00:00:00Z'), at('2026-12-02T00:00:00Z'))
  expect(summer).not.toBe(winter)
  expect(clear(at('2026-10-25T02:30:00+02:00'), berlin)).toContain(summer)
  expect(clear(at('2026-10-25T02:30:00+01:00'), berlin)).toContain(winter)
  expect(clear(at('2026-10-25T12:30:00+01:00'), berlin)).not.toContain(winter)
  // The last quarter of an hour before the clock is put back ends before it began, as the clock has it.
  const across = said(timeRange(at('2026-10-25T02:45:00+02:00'), at('2026-10-25T02:00:00+01:00'), berlin))
  expect(across).toMatch(new RegExp(`2:45.* ${summer.replace('+', '.')} – .*2:00.* ${winter.replace('+', '.')}$`))
  expect(timeRange(at('2026-10-25T02:15:00+01:00'), at('2026-10-25T02:30:00+01:00'), berlin)).toContain(winter)
  expect(timeRange(at('2026-10-25T12:15:00+01:00'), at('2026-10-25T12:30:00+01:00'), berlin)).not.toContain(winter)
  expect(timeRange(at('2026-10-25T12:15:00+01:00'), at('2026-10-25T12:30:00+01:00'), berlin, true)).toContain(winter)
  expect(zoneNames(berlin, at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z'))).toBe(`${winter}/${summer}`)
})
