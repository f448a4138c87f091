import { expect, test } from 'vitest'
import { bytes, count, lasting } from './units'

test('bytes, counts and lengths of time; what is not known is a dash', () => {
  expect(bytes(999, 'en')).toBe('999\u00a0B')
  expect(bytes(12_345_678, 'de')).toBe('12,3\u00a0MB')
  expect(count(1234567, 'en')).toBe('1,234,567')
  expect(lasting(2.5, 'en')).toBe('2.5 sec')
  expect(lasting(7200, 'en')).toBe('2 hr')
  expect([bytes(null), count(undefined), lasting(null)]).toEqual(['–', '–', '–'])
})
