import { expect, test } from 'vitest'
import { angle, changeText } from './trend'

test.each([
  [11_000, 10_000, 'up', '+10 %', -30],
  [9000, 10_000, 'down', '−10 %', 30],
  [10_050, 10_000, 'steady', '+0.5 %', 0],
  // It feeds in: more of that is less power.
  [-10_000, -5000, 'down', '−100 %', 60],
  [-5000, -10_000, 'up', '+50 %', -60],
  // It turned round, or began: there is no share of it.
  [5000, -5000, 'up', '+10.00 kW', -60],
  [-250, 750, 'down', '−1.00 kW', 60],
  [40, 0, 'up', '+40.0 W', -60],
  [0, 0, 'steady', '±0.0 W', 0],
  [0, -400, 'up', '+100 %', -60],
  [null, 400, null, '–', 0],
] as const)('%d after %d', (current, before, direction, said, degrees) => {
  expect(changeText({ current, before, direction }, 'en')).toBe(said.replaceAll(' ', '\u00a0'))
  expect(angle({ current, before, direction })).toBeCloseTo(degrees)
})
