// What the dashboard alone asks for.

import type { GroupCompositionData, GroupCompositionResponse, GroupCoverageData, GroupCoverageResponse } from './generated/types.gen'
import { get } from './request'

export const composition = (id: string, signal: AbortSignal) => get<GroupCompositionData, GroupCompositionResponse>({ url: '/api/v1/groups/{id}/composition', path: { id } }, signal)

/** How many sensors of a group are in which state, and which do not send as they should. */
export const coverage = (id: string, hierarchy: string, limit: number, signal: AbortSignal) =>
  get<GroupCoverageData, GroupCoverageResponse>(
    { url: '/api/v1/groups/{id}/coverage', path: { id }, query: { hierarchy, state: ['late', 'silent', 'never'], limit }, lists: ['state'] }, signal,
  )
