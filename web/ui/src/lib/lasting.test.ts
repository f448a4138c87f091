import { expect, test } from 'vitest'
import { lasting } from './lasting'

test('two units at most, never sixty of one', () => {
  const said = [0, 12_000, 60_000, 61_000, 3_599_600, 3_661_000, 90_000_000, 86_400_000 * 3].map((ms) => lasting(ms, 'en'))
  expect(said).toEqual(['0 sec', '12 sec', '1 min', '1 min 1 sec', '1 hr', '1 hr 1 min', '1 day 1 hr', '3 days'])
})
