// What comparisons ask for.

import type { Ends } from '../lib/steps'
import type { SettledCorrelationData, SettledCorrelationResponse } from './generated/types.gen'
import { get } from './request'

/** How settled quarters of an hour of each pair move together: first those of the sensors, then those of the groups. */
export function correlation(sensor: string[], group: string[], { from, to }: Ends, signal: AbortSignal) {
  return get<SettledCorrelationData, SettledCorrelationResponse>({ url: '/api/v1/settled/correlation', query: { sensor, group, from: `${from}`, to: `${to}` } }, signal)
}
