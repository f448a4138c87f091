import { expect, it } from 'vitest'
import { knownZone, startOfDay } from './zone'

it.each([
  ['UTC', '2026-03-01T12:34:56Z', '2026-03-01T00:00:00Z'],
  ['Europe/Berlin', '2026-01-15T23:30:00Z', '2026-01-15T23:00:00Z'],
  ['Europe/Berlin', '2026-03-29T20:00:00Z', '2026-03-28T23:00:00Z'], // 23 hours
  ['Europe/Berlin', '2026-10-25T20:00:00Z', '2026-10-24T22:00:00Z'], // 25 hours
  ['America/New_York', '2026-03-08T23:00:00Z', '2026-03-08T05:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-04T10:00:00Z', '2026-10-03T13:30:00Z'], // half an hour of summer
  ['Asia/Kathmandu', '2026-06-01T00:00:00Z', '2026-05-31T18:15:00Z'],
  ['Africa/Cairo', '2026-04-24T12:00:00Z', '2026-04-23T22:00:00Z'], // 00:00 does not exist: begins at 01:00
])('%s %s', (zone, at, want) => {
  expect(new Date(startOfDay(Date.parse(at), zone)).toISOString()).toBe(want.replace('Z', '.000Z'))
})

it('falls back to UTC', () => {
  expect(knownZone('Mars/Olympus')).toBe('UTC')
  expect(knownZone(undefined)).toBe('UTC')
  expect(knownZone('Europe/Berlin')).toBe('Europe/Berlin')
})
