// What is asked of the server about a span that follows the clock: the same
// ends for a while, so that not every second is another question.

import type { SettledGroupData } from '../api/generated/types.gen'

export interface Ends {
  from: number
  to: number
}

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** The ends on a grid of a hundredth of the span, at least `least` ms; what is in view lies within. Ends of at most a minute's grid stay as they are when nothing follows the clock. */
export function coarse({ from, to }: Ends, live: boolean, least = minute): Ends {
  if (!live) return { from, to }
  const step = Math.max(least, Math.ceil((to - from) / 100 / minute) * minute)
  return { from: Math.floor(from / step) * step, to: Math.ceil(to / step) * step }
}

export type WindowSize = NonNullable<NonNullable<SettledGroupData['query']>['size']>

/** Settled windows of which some dozens fill a span. */
export function windowSize({ from, to }: Ends): WindowSize {
  const length = to - from
  if (length <= 3 * hour) return '5m'
  if (length <= 12 * hour) return '15m'
  if (length <= 8 * day) return '1h'
  if (length <= 70 * day) return '1d'
  if (length <= 200 * day) return '1w'
  return length <= 10 * 366 * day ? '1M' : '1y'
}

const quarter = 15 * minute
/** Widths of buckets: all parts of a quarter of an hour, or whole ones. */
const widths = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 3, 4, 5, 6, 9, 10, 12, 15, 18, 20, 25, 30, 36, 45, 50, 60, 75, 90, 100, 150, 180, 225, 300, 450, 900].map((s) => 1000 * s),
  ...[2, 3, 4, 6, 8, 12, 24, 48, 96].map((n) => n * quarter),
]

/** What to ask a range of at most `most` points for, so that its buckets lie on a grid: readings of quarters of an hour stand at their own time, and live ticks fall into the same buckets. */
export function bucketed({ from, to }: Ends, most: number): Ends & { points: number } {
  const least = Math.max(1, (to - from) / (most - 1))
  const width = widths.find((w) => w >= least) ?? Math.ceil(least / day) * day
  const begin = Math.floor(from / width) * width
  const points = Math.max(1, Math.ceil((to + 1 - begin) / width))
  return { from: begin, to: begin + points * width - 1, points }
}
