import { expect, test } from 'vitest'
import { ApiError } from '../api/request'
import { forGood, putBack } from './steps'

test.each([
  [0, false],
  [401, false],
  [403, false],
  [429, false],
  [500, false],
  [503, false],
  [409, true],
  [412, true],
  [422, true],
])('an answer of %d takes a step away for good: %s', (status, want) => expect(forGood(new ApiError(status, ''))).toBe(want))

test('what never was an answer does not', () => expect(forGood(new TypeError('Failed to fetch'))).toBe(false))

test('steps come back in the order of their revisions', () => {
  const [a, b, c] = [3, 5, 8].map((revision) => ({ label: `r${revision}`, revision })) as [{ label: string; revision: number }, { label: string; revision: number }, { label: string; revision: number }]
  // Two were taken at once, and neither was done.
  expect(putBack(putBack([a], c), b)).toEqual([a, b, c])
})
