// What the pages of substitutes and forecasts ask for, and what is asked about
// objects in words.

import type {
  AnomalyPage, Answer, CandidateItem, CandidateList, ForecastItem, ForecastPage, ForecastSeen, ListObjectFindingsResponse, ListSubstitutionsResponse, ObjectAnomaly, ObjectForecast, ObjectValues,
} from './generated/types.gen'
import { partsOf } from './objects'
import { get, post } from './request'

type Asked = { url: string; path?: Record<string, string>; query?: Record<string, string | number | boolean | undefined>; body?: unknown }

export type Candidate = CandidateItem
export type Term = NonNullable<Answer['results']['bindings']>[number][string]

export const substitutions = (active: boolean, signal?: AbortSignal) =>
  get<Asked, ListSubstitutionsResponse>({ url: '/api/v1/substitutions', query: active ? { active: true, limit: 500 } : { from: new Date(Date.now() - 30 * 86_400_000).toISOString(), limit: 500 } }, signal)

export const candidates = (id: string, signal?: AbortSignal) => get<Asked, CandidateList>({ url: '/api/v1/objects/{kind}/{id}/candidates', path: partsOf(id) }, signal)

export const values = (id: string, from: number, to: number, signal?: AbortSignal) =>
  get<Asked, ObjectValues>({ url: '/api/v1/objects/{kind}/{id}/values', path: partsOf(id), query: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), step: '1h' } }, signal)

export const forecast = (id: string, day: string | undefined, signal?: AbortSignal) => get<Asked, ObjectForecast>({ url: '/api/v1/forecasts/{kind}/{id}', path: partsOf(id), query: { day } }, signal)

export type KeptForecast = Omit<ForecastItem, 'seen'> & { seen: ForecastSeen | null }
export type KeptForecasts = Omit<ForecastPage, 'forecasts'> & { forecasts: KeptForecast[] | null }

/** Days that were forecast and kept, of one object or of all, the newest first. */
export const keptForecasts = (of: { object?: string | undefined; from?: number | undefined; to?: number | undefined; limit?: number }, cursor?: string, signal?: AbortSignal) =>
  get<Asked, KeptForecasts>({ url: '/api/v1/forecasts', query: { object: of.object, from: iso(of.from), to: iso(of.to), limit: of.limit, cursor } }, signal)

export type Anomaly = ObjectAnomaly

const iso = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString())

/** What was found of all objects that are watched, what began last first. */
export const allAnomalies = (of: { kind?: string | undefined; lasts?: boolean | undefined; from: number }, cursor?: string, signal?: AbortSignal) =>
  get<Asked, AnomalyPage>({ url: '/api/v1/anomalies', query: { kind: of.kind, lasts: of.lasts, from: iso(of.from), limit: 100, cursor } }, signal)

export const anomalies = (id: string, from: number, to: number, signal?: AbortSignal) =>
  get<Asked, AnomalyPage>({ url: '/api/v1/anomalies', query: { object: id, from: new Date(from).toISOString(), to: new Date(to).toISOString() } }, signal)

export const query = (text: string) => post<Asked, Answer>({ url: '/api/v1/objects/query', body: { query: text } })

export const findings = (signal?: AbortSignal) => get<Asked, ListObjectFindingsResponse>({ url: '/api/v1/objects/findings' }, signal)
