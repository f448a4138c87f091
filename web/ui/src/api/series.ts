// What lines ask for beside readings and ticks.

import type { Column } from './client'
import { means, type Means } from '../lib/settled'
import type { Ends } from '../lib/steps'
import type { SettledGroupData, SettledGroupResponse } from './generated/types.gen'
import { ApiError, get } from './request'

type Size = NonNullable<NonNullable<SettledGroupData['query']>['size']>

const day = 86_400_000

/** Settled windows, some hundreds at most, of which a line can be drawn. */
function sizeOf({ from, to }: Ends): Size {
  const length = to - from
  if (length <= 8 * day) return '15m'
  if (length <= 40 * day) return '1h'
  return length <= 1000 * day ? '1d' : '1w'
}

/** The mean power of a group in settled windows; undefined when there are none, or nothing settles here. */
export async function groupMeans(group: { id: string; column: Column }, { from, to }: Ends, signal: AbortSignal): Promise<Means | undefined> {
  try {
    const query = { from: `${Math.floor(from)}`, to: `${Math.floor(to)}`, size: sizeOf({ from, to }) }
    const w = await get<SettledGroupData, SettledGroupResponse>({ url: '/api/v1/settled/groups/{id}', path: { id: group.id }, query }, signal)
    return means(w, group.column === 'meter', to)
  } catch (e) {
    // The ticks are there all the same.
    if (e instanceof ApiError) return undefined
    throw e
  }
}
