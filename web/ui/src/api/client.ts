// What all pages ask the server for, in the words of its OpenAPI document;
// what a single view asks for stands in files beside this one.

import type {
  AssignData, AssignResponse, Document, GetModelData, GroupEnergyData, GroupEnergyResponse, GroupRangeData, GroupRangeResponse, GroupTrendData,
  GroupTrendResponse, LatestData, LatestResponse, ListUnassignedData, ListUnassignedResponse, LoginData, LoginResponse, LogoutData, LogoutResponse, MeData,
  MeResponse, SensorRangeData, SensorRangeResponse, SettledGroupDayData, SettledGroupDayResponse, SignInWaysData, SignInWaysResponse, StreamData,
} from './generated/types.gen'
import { address, get, getTagged, post } from './request'

export { address, ApiError } from './request'

/** What lies in the model has its id; only a body whose address says it can go without. */
export type Known<T extends { id?: string }> = T & { id: string }

/** The model as a whole, where an empty list is a list. */
export type Model = { [K in keyof Document]-?: Known<NonNullable<Document[K]>[number]>[] } & {
  /** Which revision it is; what is changed in it is sent for this one. */
  revision?: number | undefined
}

/** A column of a group's ticks: its own meter, or the sum of its members. */
export type Column = Extract<NonNullable<NonNullable<GroupRangeData['query']>['column']>, 'sum' | 'meter'>

type Span = NonNullable<NonNullable<GroupTrendData['query']>['span']>

export const api = {
  me: (signal?: AbortSignal) => get<MeData, MeResponse>({ url: '/api/v1/me' }, signal),
  signInWays: (signal?: AbortSignal) => get<SignInWaysData, SignInWaysResponse>({ url: '/api/v1/sign-in' }, signal),
  login: (name: string, password: string) => post<LoginData, LoginResponse>({ url: '/api/v1/login', body: { name, password } }),
  logout: () => post<LogoutData, LogoutResponse>({ url: '/api/v1/logout' }),
  model: async (signal?: AbortSignal): Promise<Model> => {
    const { value, etag } = await getTagged<GetModelData, Document>({ url: '/api/v1/model' }, signal)
    const revision = etag === undefined ? undefined : Number(etag.replaceAll('"', ''))
    return { sites: [], sensors: [], groups: [], hierarchies: [], ...Object.fromEntries(Object.entries(value).filter(([, list]) => list !== null)), revision }
  },
  unassigned: (signal?: AbortSignal) => get<ListUnassignedData, ListUnassignedResponse>({ url: '/api/v1/unassigned', query: { limit: 50 } }, signal),
  assign: (sensor: string, group: string) => post<AssignData, AssignResponse>({ url: '/api/v1/assign', body: { sensor, group } }),
  range: (id: string, column: Column, from: number, to: number, points: number, signal?: AbortSignal) =>
    get<GroupRangeData, GroupRangeResponse>({ url: '/api/v1/groups/{id}/range', path: { id }, query: { column, from: `${from}`, to: `${to}`, points } }, signal),
  sensorRange: (id: string, from: number, to: number, points: number, signal?: AbortSignal) =>
    get<SensorRangeData, SensorRangeResponse>({ url: '/api/v1/sensors/{id}/range', path: { id }, query: { from: `${from}`, to: `${to}`, points } }, signal),
  trend: (id: string, column: Column, span: Span, signal?: AbortSignal) =>
    get<GroupTrendData, GroupTrendResponse>({ url: '/api/v1/groups/{id}/trend', path: { id }, query: { column, span } }, signal),
  energy: (id: string, from: number, to: number, signal?: AbortSignal) =>
    get<GroupEnergyData, GroupEnergyResponse>({ url: '/api/v1/groups/{id}/energy', path: { id }, query: { from: `${from}`, to: `${to}` } }, signal),
  /** Of settled windows and live readings since midnight of the site; without a time up to now. */
  day: (id: string, at: number | undefined, signal?: AbortSignal) =>
    get<SettledGroupDayData, SettledGroupDayResponse>({ url: '/api/v1/settled/groups/{id}/day', path: { id }, query: at === undefined ? {} : { at: `${at}` } }, signal),
  latest: (sensor: string[], signal?: AbortSignal) => get<LatestData, LatestResponse>({ url: '/api/v1/latest', query: { sensor } }, signal),
  streamURL: (query: NonNullable<StreamData['query']>) => address({ url: '/api/v1/stream', query } satisfies StreamData),
}
