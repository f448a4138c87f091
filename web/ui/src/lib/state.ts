// Whether a sensor still speaks.

import type { Sensor } from '../api/generated/types.gen'
import { duration, maxAge } from './tree'

export type State = 'live' | 'late' | 'silent' | 'never'

/** Live: as often as expected. Late: later than expected, but its value still counts. Silent: its value is too old to count. */
export function stateOf(s: Pick<Sensor, 'interval' | 'maxAge'>, last: number | undefined, now: number): State {
  if (last === undefined) return 'never'
  const age = now - last
  if (age > maxAge(s)) return 'silent'
  return age > 1.5 * (duration(s.interval) ?? 60_000) ? 'late' : 'live'
}
