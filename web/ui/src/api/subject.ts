// What is asked about one sensor or one group: the same of both wherever the
// server tells the same of both.

import type {
  GroupDistributionData, GroupDistributionResponse, RunningBody, SensorDistributionData, SensorDistributionResponse, SettledGroupData, SettledGroupDemandData,
  SettledGroupDemandResponse, SettledGroupFlowData, SettledGroupFlowResponse, SettledGroupResponse, SettledGroupRunningData, SettledGroupStatisticsData,
  SettledGroupStatisticsResponse, SettledMembersStatisticsData, SettledMembersStatisticsResponse, SettledSensorData, SettledSensorDemandData,
  SettledSensorDemandResponse, SettledSensorResponse, SettledSensorRunningData, SettledSensorStatisticsData, SettledSensorStatisticsResponse,
} from './generated/types.gen'
import type { Subject } from '../subject/subject'
import type { Ends } from '../lib/steps'
import { address, get } from './request'

export type Size = NonNullable<NonNullable<SettledGroupData['query']>['size']>
export type By = NonNullable<NonNullable<SettledGroupStatisticsData['query']>['by']>

const span = ({ from, to }: Ends) => ({ from: `${from}`, to: `${to}` })

export function distribution(s: Subject, ends: Ends, buckets: number, signal: AbortSignal) {
  const path = { id: s.id }
  return s.kind === 'group'
    ? get<GroupDistributionData, GroupDistributionResponse>({ url: '/api/v1/groups/{id}/distribution', path, query: { ...span(ends), column: s.column, buckets } }, signal)
    : get<SensorDistributionData, SensorDistributionResponse>({ url: '/api/v1/sensors/{id}/distribution', path, query: { ...span(ends), buckets } }, signal)
}

export function windows(s: Subject, size: Size, ends: Ends, signal: AbortSignal) {
  const query = { ...span(ends), size }
  const path = { id: s.id }
  return s.kind === 'group'
    ? get<SettledGroupData, SettledGroupResponse>({ url: '/api/v1/settled/groups/{id}', path, query }, signal)
    : get<SettledSensorData, SettledSensorResponse>({ url: '/api/v1/settled/sensors/{id}', path, query }, signal)
}

export function statistics(s: Subject, by: By, ends: Ends, signal: AbortSignal) {
  const query = { ...span(ends), by }
  const path = { id: s.id }
  return s.kind === 'group'
    ? get<SettledGroupStatisticsData, SettledGroupStatisticsResponse>({ url: '/api/v1/settled/groups/{id}/statistics', path, query }, signal)
    : get<SettledSensorStatisticsData, SettledSensorStatisticsResponse>({ url: '/api/v1/settled/sensors/{id}/statistics', path, query }, signal)
}

/** The profile of each member over the hours of the day. */
export function memberStatistics(id: string, ends: Ends, limit: number, signal: AbortSignal) {
  return get<SettledMembersStatisticsData, SettledMembersStatisticsResponse>(
    { url: '/api/v1/settled/groups/{id}/members/statistics', path: { id }, query: { ...span(ends), by: 'hourOfDay', limit } }, signal,
  )
}

/** The highest demands of the months that touch a time. */
export function demand(s: Subject, ends: Ends, signal: AbortSignal) {
  const path = { id: s.id }
  return s.kind === 'group'
    ? get<SettledGroupDemandData, SettledGroupDemandResponse>({ url: '/api/v1/settled/groups/{id}/demand', path, query: { ...span(ends), peaks: 3, contributors: 5 } }, signal)
    : get<SettledSensorDemandData, SettledSensorDemandResponse>({ url: '/api/v1/settled/sensors/{id}/demand', path, query: { ...span(ends), peaks: 3 } }, signal)
}

export function running(s: Subject, signal: AbortSignal) {
  const path = { id: s.id }
  return s.kind === 'group'
    ? get<SettledGroupRunningData, RunningBody>({ url: '/api/v1/settled/groups/{id}/running', path, query: {} }, signal)
    : get<SettledSensorRunningData, RunningBody>({ url: '/api/v1/settled/sensors/{id}/running', path, query: {} }, signal)
}

/** What each member of a group came to. */
export function flow(id: string, ends: Ends, members: number, signal: AbortSignal) {
  return get<SettledGroupFlowData, SettledGroupFlowResponse>({ url: '/api/v1/settled/groups/{id}/flow', path: { id }, query: { ...span(ends), depth: 1, members } }, signal)
}

/** Everything that is kept of it, as files that the server makes. */
export function exports(s: Subject, ends: Ends): { label: string; href: string; end: string }[] {
  const url = s.kind === 'group' ? '/api/v1/groups/{id}/export' : '/api/v1/sensors/{id}/export'
  return (['csv', 'xlsx', 'ndjson', 'parquet'] as const).map((format) => ({ label: format.toUpperCase(), end: format, href: address({ url, path: { id: s.id }, query: { ...span(ends), format } }) }))
}

/** Settled windows as files; there are none of 5 minutes. */
export function settledExports(s: Subject, size: Size, ends: Ends): { label: string; href: string; end: string }[] {
  if (size === '5m') return []
  const url = s.kind === 'group' ? '/api/v1/settled/groups/{id}/export' : '/api/v1/settled/sensors/{id}/export'
  return (['csv', 'xlsx', 'parquet'] as const).map((format) => ({ label: format.toUpperCase(), end: format, href: address({ url, path: { id: s.id }, query: { ...span(ends), size, format } }) }))
}
