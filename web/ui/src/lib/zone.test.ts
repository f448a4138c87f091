import { describe, expect, test } from 'vitest'
import { away, knownZone, momentOf, startOf, startOfDay, twice, wallOf } from './zone'

const utc = (s: string) => Date.parse(s)
const iso = (t: number) => new Date(t).toISOString()

describe('days begin at midnight in the zone', () => {
  test.each([
    ['UTC', '2026-03-29T12:00:00Z', '2026-03-29T00:00:00Z'],
    ['Europe/Berlin', '2026-07-01T12:00:00Z', '2026-06-30T22:00:00Z'],
    ['Europe/Berlin', '2026-03-29T00:30:00Z', '2026-03-28T23:00:00Z'],
    ['Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00Z'],
    ['Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00Z'],
    ['Australia/Lord_Howe', '2026-10-04T00:00:00Z', '2026-10-03T13:30:00Z'],
    ['Australia/Lord_Howe', '2026-04-05T12:00:00Z', '2026-04-04T13:00:00Z'],
    ['Asia/Kathmandu', '2026-01-01T18:14:00Z', '2025-12-31T18:15:00Z'],
    ['America/New_York', '2026-03-08T23:00:00Z', '2026-03-08T05:00:00Z'],
    // Midnight is skipped.
    ['Africa/Cairo', '2026-04-24T12:00:00Z', '2026-04-23T22:00:00Z'],
    ['America/Santiago', '2026-09-06T12:00:00Z', '2026-09-06T04:00:00Z'],
  ])('%s at %s: %s', (zone, at, want) => {
    expect(iso(startOfDay(utc(at), zone))).toBe(iso(utc(want)))
  })
})

test('the days of the clock changes are 23 and 25, and 23.5 and 24.5 hours long', () => {
  const hours = (at: string, zone: string) => (startOf('day', utc(at), zone, 1) - startOf('day', utc(at), zone)) / 3_600_000
  expect(hours('2026-03-29T12:00:00Z', 'Europe/Berlin')).toBe(23)
  expect(hours('2026-10-25T12:00:00Z', 'Europe/Berlin')).toBe(25)
  expect(hours('2026-10-04T00:00:00Z', 'Australia/Lord_Howe')).toBe(23.5)
  expect(hours('2026-04-05T00:00:00Z', 'Australia/Lord_Howe')).toBe(24.5)
})

test('weeks begin on Monday, months and years on the first', () => {
  const at = utc('2026-11-28T23:30:00Z') // Sunday, 00:30, in Berlin
  expect(iso(startOf('week', at, 'Europe/Berlin'))).toBe('2026-11-22T23:00:00.000Z')
  expect(iso(startOf('week', at, 'Europe/Berlin', 1))).toBe('2026-11-29T23:00:00.000Z')
  expect(iso(startOf('month', at, 'Europe/Berlin', -1))).toBe('2026-09-30T22:00:00.000Z')
  expect(iso(startOf('month', at, 'Europe/Berlin', 2))).toBe('2026-12-31T23:00:00.000Z')
  expect(iso(startOf('year', at, 'Europe/Berlin'))).toBe('2025-12-31T23:00:00.000Z')
})

test('times of day that the clock skips go forward, of those it repeats the first is meant', () => {
  expect(iso(momentOf({ year: 2026, month: 3, day: 29, hour: 2, minute: 30 }, 'Europe/Berlin'))).toBe('2026-03-29T01:30:00.000Z')
  expect(iso(momentOf({ year: 2026, month: 10, day: 25, hour: 2, minute: 30 }, 'Europe/Berlin'))).toBe('2026-10-25T00:30:00.000Z')
  expect(iso(momentOf({ year: 2026, month: 10, day: 4, hour: 2, minute: 15 }, 'Australia/Lord_Howe'))).toBe('2026-10-03T15:45:00.000Z')
  expect(iso(momentOf({ year: 2026, month: 4, day: 5, hour: 1, minute: 45 }, 'Australia/Lord_Howe'))).toBe('2026-04-04T14:45:00.000Z')
})

test.each([
  ['2026-10-25T01:59:59+02:00', 'Europe/Berlin', false],
  ['2026-10-25T02:00:00+02:00', 'Europe/Berlin', true],
  ['2026-10-25T02:59:59.250+02:00', 'Europe/Berlin', true],
  ['2026-10-25T02:00:00+01:00', 'Europe/Berlin', true],
  ['2026-10-25T03:00:00+01:00', 'Europe/Berlin', false],
  ['2026-03-29T03:00:00+02:00', 'Europe/Berlin', false],
  ['2026-03-29T01:59:00+01:00', 'Europe/Berlin', false],
  ['2026-04-05T01:29:00+11:00', 'Australia/Lord_Howe', false],
  ['2026-04-05T01:30:00+11:00', 'Australia/Lord_Howe', true],
  ['2026-04-05T01:59:00+10:30', 'Australia/Lord_Howe', true],
  ['2026-04-05T02:00:00+10:30', 'Australia/Lord_Howe', false],
  ['2026-10-25T02:30:00Z', 'UTC', false],
])('whether clocks show %s in %s twice: %s', (at, zone, want) => {
  expect(twice(utc(at), zone)).toBe(want)
})

test('what clocks show leads back to the moment', () => {
  for (const zone of ['Europe/Berlin', 'Australia/Lord_Howe', 'America/New_York', 'Asia/Kathmandu']) {
    for (let t = utc('2026-01-01T00:00:00Z'); t < utc('2027-01-01T00:00:00Z'); t += 17_000_000) {
      const back = momentOf(wallOf(t, zone), zone)
      // Only the repeated hour leads elsewhere: to the first of both.
      expect(wallOf(back, zone)).toEqual(wallOf(t, zone))
      expect(back).toBeLessThanOrEqual(Math.floor(t / 1000) * 1000)
    }
  }
})

test('a month or a year away is the same time of day', () => {
  expect(iso(away(utc('2026-03-31T10:00:00Z'), 'Europe/Berlin', { months: -1 }))).toBe('2026-02-28T11:00:00.000Z')
  expect(iso(away(utc('2028-02-29T12:00:00Z'), 'UTC', { years: -1 }))).toBe('2027-02-28T12:00:00.000Z')
  expect(iso(away(utc('2026-03-30T10:00:00.250Z'), 'Europe/Berlin', { days: -7 }))).toBe('2026-03-23T11:00:00.250Z')
})

test('unknown zones are UTC', () => {
  expect(knownZone('Europe/Berlin')).toBe('Europe/Berlin')
  expect(knownZone('Mars/Olympus')).toBe('UTC')
  expect(knownZone(undefined)).toBe('UTC')
})
