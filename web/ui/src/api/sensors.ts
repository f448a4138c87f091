// What the page of a sensor alone asks for.

import type {
  AnnotationsData, AnnotationsResponse, ChangeFigureData, ChangeFigureResponse, DeleteFigureData, DeleteFigureResponse, EnterFigureData, EnterFigureResponse, ListFiguresData, ListFiguresResponse, ListInterventionsData, ListInterventionsResponse, SensorGapsData, SensorGapsResponse,
  SensorReadingsData, SensorReadingsResponse, UndoInterventionData, UndoInterventionResponse,
} from './generated/types.gen'
import type { Ends } from '../lib/steps'
import { del, get, post, put } from './request'

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

/** In `unit`, or in the coherent one. */
export const figures = (id: string, unit: string | undefined, signal: AbortSignal) =>
  get<ListFiguresData, ListFiguresResponse>({ url: '/api/v1/sensors/{id}/figures', path: { id }, query: unit === undefined ? {} : { unit } }, signal)

export const enterFigure = (id: string, body: EnterFigureData['body']) => post<EnterFigureData, EnterFigureResponse>({ url: '/api/v1/sensors/{id}/figures', path: { id }, body })

export const changeFigure = (id: string, figure: string, body: ChangeFigureData['body']) =>
  put<ChangeFigureData, ChangeFigureResponse>({ url: '/api/v1/sensors/{id}/figures/{figure}', path: { id, figure }, body })

export const deleteFigure = (id: string, figure: string, why: string) =>
  del<DeleteFigureData, DeleteFigureResponse>({ url: '/api/v1/sensors/{id}/figures/{figure}', path: { id, figure }, query: { why } })
