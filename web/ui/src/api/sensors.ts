// What the page of a sensor alone asks for.

import type {
  AnnotationsData, AnnotationsResponse, DeadLettersData, DeadLettersResponse, ListInterventionsData, ListInterventionsResponse, SensorGapsData, SensorGapsResponse,
  SensorReadingsData, SensorReadingsResponse, UndoInterventionData, UndoInterventionResponse,
} from './generated/types.gen'
import type { Ends } from '../lib/steps'
import { get, post } from './request'

const span = ({ from, to }: Ends) => ({ from: `${Math.round(from)}`, to: `${Math.round(to)}` })

export const gaps = (id: string, ends: Ends, limit: number, signal: AbortSignal) =>
  get<SensorGapsData, SensorGapsResponse>({ url: '/api/v1/sensors/{id}/gaps', path: { id }, query: { ...span(ends), limit } }, signal)

/** Raw readings, the newest first. */
export const readings = (id: string, before: string | undefined, limit: number, signal: AbortSignal) =>
  get<SensorReadingsData, SensorReadingsResponse>({ url: '/api/v1/sensors/{id}/readings', path: { id }, query: { ...(before === undefined ? {} : { before }), limit } }, signal)

/** How odd readings of a counter were understood. */
export const annotations = (id: string, ends: Ends, signal: AbortSignal) =>
  get<AnnotationsData, AnnotationsResponse>({ url: '/api/v1/sensors/{id}/annotations', path: { id }, query: span(ends) }, signal)

export const interventions = (sensor: string, signal: AbortSignal) =>
  get<ListInterventionsData, ListInterventionsResponse>({ url: '/api/v1/interventions', query: { sensor, undone: true, limit: 200 } }, signal)

export const undoIntervention = (id: string, why: string) =>
  post<UndoInterventionData, UndoInterventionResponse>({ url: '/api/v1/interventions/{id}/undo', path: { id }, body: { why } })

export const deadLetters = (limit: number, signal: AbortSignal) => get<DeadLettersData, DeadLettersResponse>({ url: '/api/v1/dead-letters', query: { limit } }, signal)
