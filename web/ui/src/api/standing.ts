// What the pages of substitutes and forecasts ask for, and what is asked about
// objects in words.

import type { AnomalyPage, ForecastItem, ForecastPage, ForecastSeen, ObjectAnomaly } from './generated/types.gen'
import { partsOf } from './objects'
import { get, post } from './request'

type Asked = { url: string; path?: Record<string, string>; query?: Record<string, string | number | boolean | undefined>; body?: unknown }

export interface Expected {
  mean: number
  relative: number
  bias: number
  worst: number
  cells: number
  coverage: number
}

export interface Substitution {
  id: string
  object: string
  began: string
  ended: string | null
  state: 'substituted' | 'virtual'
  method: string
  from: string[] | null
  place: string
  unit: string
  expected: Expected
  seen: number | null
  compared: number
  known: string
  until: string
  stepSeconds: number
  why: string
  fitted: string
}

export const substitutions = (active: boolean, signal?: AbortSignal) =>
  get<Asked, { substitutions: Substitution[] | null; able: boolean }>({ url: '/api/v1/substitutions', query: active ? { active: true, limit: 500 } : { from: new Date(Date.now() - 30 * 86_400_000).toISOString(), limit: 500 } }, signal)

export interface Candidate {
  method: string
  from: string[] | null
  place: string
  usable: boolean
  virtual: boolean
  fits: { upToSeconds: number; expected: Expected }[] | null
}

export interface Candidates {
  unit: string
  from: string | null
  until: string | null
  size: number
  candidates: Candidate[] | null
  refused: { object?: string; method?: string; reason: string }[] | null
}

export const candidates = (id: string, signal?: AbortSignal) => get<Asked, Candidates>({ url: '/api/v1/objects/{kind}/{id}/candidates', path: partsOf(id) }, signal)

export interface Values {
  unit: string
  stepSeconds: number
  values: { time: string; value: number | null; source?: 'live' | 'substituted' | 'virtual'; substitution?: string }[] | null
  put: number
}

export const values = (id: string, from: number, to: number, signal?: AbortSignal) =>
  get<Asked, Values>({ url: '/api/v1/objects/{kind}/{id}/values', path: partsOf(id), query: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), step: '1h' } }, signal)

export interface Forecast {
  object: string
  unit: string
  day: string
  zone: string
  known: string
  model: string
  ahead: number
  stepSeconds: number
  values: { time: string; value: number | null; lower: number | null; upper: number | null }[] | null
  scores: { model: string; mae: number; wape: number; mase: number }[] | null
}

export const forecast = (id: string, day: string | undefined, signal?: AbortSignal) => get<Asked, Forecast>({ url: '/api/v1/forecasts/{kind}/{id}', path: partsOf(id), query: { day } }, signal)

export type KeptForecast = Omit<ForecastItem, 'seen'> & { seen: ForecastSeen | null }
export type KeptForecasts = Omit<ForecastPage, 'forecasts'> & { forecasts: KeptForecast[] | null }

/** Days that were forecast and kept, of one object or of all, the newest first. */
export const keptForecasts = (of: { object?: string | undefined; from?: number | undefined; to?: number | undefined; limit?: number }, cursor?: string, signal?: AbortSignal) =>
  get<Asked, KeptForecasts>({ url: '/api/v1/forecasts', query: { object: of.object, from: iso(of.from), to: iso(of.to), limit: of.limit, cursor } }, signal)

export type Anomaly = ObjectAnomaly
export type Anomalies = AnomalyPage

const iso = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString())

/** What was found of all objects that are watched, what began last first. */
export const allAnomalies = (of: { kind?: string | undefined; lasts?: boolean | undefined; from: number }, cursor?: string, signal?: AbortSignal) =>
  get<Asked, Anomalies>({ url: '/api/v1/anomalies', query: { kind: of.kind, lasts: of.lasts, from: iso(of.from), limit: 100, cursor } }, signal)

export const anomalies = (id: string, from: number, to: number, signal?: AbortSignal) =>
  get<Asked, { anomalies: Anomaly[] | null; unit: string }>({ url: '/api/v1/anomalies', query: { object: id, from: new Date(from).toISOString(), to: new Date(to).toISOString() } }, signal)

export interface Term {
  type?: string
  value?: string
}

export interface Answer {
  head: { vars: string[] | null }
  results: { bindings: Record<string, Term>[] | null }
}

export const query = (text: string) => post<Asked, Answer>({ url: '/api/v1/objects/query', body: { query: text } })

export interface ObjectFinding {
  check: string
  severity: 'wrong' | 'suspect' | 'hint'
  object?: string
  space?: string
  text: string
  advice: string
}

export const findings = (signal?: AbortSignal) => get<Asked, { findings: ObjectFinding[] | null; total: number }>({ url: '/api/v1/objects/findings' }, signal)
