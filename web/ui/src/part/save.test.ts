import { expect, test } from 'vitest'
import { placed } from './save'

test('a legend takes as many rows as it needs, and what is wider than all of them a row of its own', () => {
  expect(placed([100, 100, 300, 900, 10], 400)).toEqual([{ x: 0, row: 0 }, { x: 118, row: 0 }, { x: 0, row: 1 }, { x: 0, row: 2 }, { x: 0, row: 3 }])
  expect(placed([], 400)).toEqual([])
})
