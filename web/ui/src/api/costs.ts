// What the page of energies and costs asks for. Times in ms.

import type {
  AssignCostsData, AssignCostsResponse, GroupBillData, GroupBillResponse, GroupCostsData, GroupCostsResponse, GroupReportData, GroupReportResponse, ListTariffsData, ListTariffsResponse,
  SensorBillData, SensorBillResponse, SensorCostsData, SensorCostsResponse, SensorReportData, SensorReportResponse, SettledGroupData, SettledGroupDemandData, SettledGroupDemandResponse,
  SettledGroupDurationData, SettledGroupDurationResponse, SettledGroupResponse, SettledSensorData, SettledSensorDemandData, SettledSensorDemandResponse, SettledSensorDurationData,
  SettledSensorDurationResponse, SettledSensorResponse,
} from './generated/types.gen'
import type { Subject } from '../lib/subject'
import { address, get, post } from './request'

type Of = NonNullable<NonNullable<GroupCostsData['query']>['of']>
export type Size = NonNullable<NonNullable<GroupCostsData['query']>['size']>

const ends = (from: number, to: number) => ({ from: `${from}`, to: `${to}` })

export const windows = (s: Subject, size: Size, from: number, to: number, signal?: AbortSignal) =>
  s.kind === 'group'
    ? get<SettledGroupData, SettledGroupResponse>({ url: '/api/v1/settled/groups/{id}', path: { id: s.id }, query: { size, ...ends(from, to) } }, signal)
    : get<SettledSensorData, SettledSensorResponse>({ url: '/api/v1/settled/sensors/{id}', path: { id: s.id }, query: { size, ...ends(from, to) } }, signal)

/** `period` as "2026-10", "2026-W44". */
export const report = (s: Subject, period: string, signal?: AbortSignal) =>
  s.kind === 'group'
    ? get<GroupReportData, GroupReportResponse>({ url: '/api/v1/reports/groups/{id}/{period}', path: { id: s.id, period } }, signal)
    : get<SensorReportData, SensorReportResponse>({ url: '/api/v1/reports/sensors/{id}/{period}', path: { id: s.id, period } }, signal)

export const reportFile = (s: Subject, period: string, end: 'html' | 'csv' | 'xlsx', language: 'en' | 'de') =>
  address({ url: `/api/v1/reports/${s.kind}s/{id}/{period}`, path: { id: s.id, period: `${period}.${end}` }, query: { language } })

export const windowsFile = (s: Subject, size: Size, from: number, to: number, format: 'csv' | 'xlsx' | 'parquet') =>
  address({ url: `/api/v1/settled/${s.kind}s/{id}/export`, path: { id: s.id }, query: { size, ...ends(from, to), format } })

export const demand = (s: Subject, from: number, to: number, signal?: AbortSignal) =>
  s.kind === 'group'
    ? get<SettledGroupDemandData, SettledGroupDemandResponse>({ url: '/api/v1/settled/groups/{id}/demand', path: { id: s.id }, query: { ...ends(from, to), peaks: 1, contributors: 3 } }, signal)
    : get<SettledSensorDemandData, SettledSensorDemandResponse>({ url: '/api/v1/settled/sensors/{id}/demand', path: { id: s.id }, query: { ...ends(from, to), peaks: 1 } }, signal)

export const duration = (s: Subject, from: number, to: number, signal?: AbortSignal) =>
  s.kind === 'group'
    ? get<SettledGroupDurationData, SettledGroupDurationResponse>({ url: '/api/v1/settled/groups/{id}/duration', path: { id: s.id }, query: { ...ends(from, to), points: 201 } }, signal)
    : get<SettledSensorDurationData, SettledSensorDurationResponse>({ url: '/api/v1/settled/sensors/{id}/duration', path: { id: s.id }, query: { ...ends(from, to), points: 201 } }, signal)

export const costs = (s: Subject, of: Of, size: Size, from: number, to: number, signal?: AbortSignal) =>
  s.kind === 'group'
    ? get<GroupCostsData, GroupCostsResponse>({ url: '/api/v1/costs/groups/{id}', path: { id: s.id }, query: { of, size, ...ends(from, to) } }, signal)
    : get<SensorCostsData, SensorCostsResponse>({ url: '/api/v1/costs/sensors/{id}', path: { id: s.id }, query: { of, size, ...ends(from, to) } }, signal)

export const bill = (s: Subject, of: Of, from: number, to: number, signal?: AbortSignal) =>
  s.kind === 'group'
    ? get<GroupBillData, GroupBillResponse>({ url: '/api/v1/costs/groups/{id}/bill', path: { id: s.id }, query: { of, ...ends(from, to) } }, signal)
    : get<SensorBillData, SensorBillResponse>({ url: '/api/v1/costs/sensors/{id}/bill', path: { id: s.id }, query: { of, ...ends(from, to) } }, signal)

export const tariffs = (signal?: AbortSignal) => get<ListTariffsData, ListTariffsResponse>({ url: '/api/v1/tariffs' }, signal)

/** `from` is a day, "2026-01-01". */
export const assign = (s: Subject, tariff: string, from: string) =>
  post<AssignCostsData, AssignCostsResponse>({ url: '/api/v1/costs/assignments', body: { ...(s.kind === 'group' ? { group: s.id } : { sensor: s.id }), tariff, from } })
