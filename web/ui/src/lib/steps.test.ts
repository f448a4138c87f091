import { expect, test } from 'vitest'
import { bucketed } from './steps'

test('buckets lie on a grid that quarters of an hour fit into, are at most so many, and hold the span', () => {
  for (const length of [1, 777, 5000, 3_600_000, 86_400_000, 90_000_000, 31 * 86_400_000, 366 * 86_400_000, 4000 * 86_400_000]) {
    for (const from of [0, 1_761_429_600_000, 1_700_000_123_457]) {
      const b = bucketed({ from, to: from + length }, 900)
      // As the server makes its buckets of a span whose end belongs to it.
      const width = Math.floor((b.to - b.from + b.points) / b.points)
      expect(b.points).toBeLessThanOrEqual(900)
      expect(b.from % width).toBe(0)
      expect(b.from).toBeLessThanOrEqual(from)
      expect(b.to).toBeGreaterThanOrEqual(from + length)
      expect(width <= 900_000 ? 900_000 % width : width % 900_000).toBe(0)
    }
  }
  const day = bucketed({ from: 1_761_429_600_000, to: 1_761_429_600_000 + 25 * 3_600_000 }, 900)
  expect((day.to + 1 - day.from) / day.points).toBe(150_000)
})
