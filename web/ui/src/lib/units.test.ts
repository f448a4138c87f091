import { expect, test } from 'vitest'
import { bytes, count, lasting, milliseconds } from './units'

test('bytes, counts and lengths of time; what is not known is a dash', () => {
  expect(bytes(999, 'en')).toBe('999\u00a0B')
  expect(bytes(12_345_678, 'de')).toBe('12,3\u00a0MB')
  expect(count(1234567, 'en')).toBe('1,234,567')
  expect(lasting(2.5, 'en')).toBe('2.5 sec')
  expect(lasting(7200, 'en')).toBe('2 hr')
  expect([bytes(null), count(undefined), lasting(null)]).toEqual(['–', '–', '–'])
})

test('rounds what the server says to the microsecond', () => {
  expect(milliseconds('190.384ms', 'en-GB')).toBe('190\u00a0ms')
  expect(milliseconds('4.25ms', 'de-DE')).toBe('4,3\u00a0ms')
  expect(milliseconds('1m30s', 'en-GB')).toBe('1m30s')
})
