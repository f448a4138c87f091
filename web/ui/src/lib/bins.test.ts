import { expect, test } from 'vitest'
import { wide } from './bins'

test('bins of one value are one bin', () => {
  expect(wide([])).toEqual([])
  expect(wide([{ lower: 4, upper: 4, elements: 3 }, { lower: 4, upper: 4, elements: 0 }])).toEqual([{ lower: 4, upper: 4, elements: 3 }])
  const two = [{ lower: -1, upper: 0, elements: 1 }, { lower: 0, upper: 1, elements: 0 }]
  expect(wide(two)).toBe(two)
})
