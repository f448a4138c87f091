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
