// What the energy flow asks for.

import type { SettledGroupFlowData, SettledGroupFlowResponse, SettlementStatusData, SettlementStatusResponse } from './generated/types.gen'
import { get } from './request'

/** How energy went from a group to its members; `from` and `to` in ms. */
export const flow = (id: string, hierarchy: string | undefined, from: number, to: number, depth: number, signal?: AbortSignal) =>
  get<SettledGroupFlowData, SettledGroupFlowResponse>(
    { url: '/api/v1/settled/groups/{id}/flow', path: { id }, query: { from: `${from}`, to: `${to}`, depth, ...(hierarchy === undefined ? {} : { hierarchy }) } },
    signal,
  )

export const settlementStatus = (signal?: AbortSignal) => get<SettlementStatusData, SettlementStatusResponse>({ url: '/api/v1/settled/status' }, signal)
