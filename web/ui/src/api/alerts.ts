// What the view of alerts asks for.

import type {
  AcknowledgeAlertData, AcknowledgeAlertResponse, CreateSilenceData, CreateSilenceResponse, DeleteAlertRuleData, DeleteAlertRuleResponse, DeleteSilenceData,
  DeleteSilenceResponse, ListAlertRulesData, ListAlertRulesResponse, ListAlertsData, ListAlertsResponse, ListIncidentsData, ListIncidentsResponse, ListSilencesData,
  ListSilencesResponse, ListSinksData, ListSinksResponse, PutAlertRuleData, PutAlertRuleResponse, TestSinkData, TestSinkResponse,
} from './generated/types.gen'
import { del, get, post, put } from './request'

export const alerts = (signal?: AbortSignal) => get<ListAlertsData, ListAlertsResponse>({ url: '/api/v1/alerts' }, signal)
/** Those that follow the last one that is known, the newest first. */
export const incidents = (last: { id: string; fired: string } | undefined, limit: number, signal?: AbortSignal) =>
  get<ListIncidentsData, ListIncidentsResponse>({ url: '/api/v1/alerts/history', query: { limit, ...(last === undefined ? {} : { before: last.fired, after: last.id }) } }, signal)
export const acknowledge = (id: string, body: AcknowledgeAlertData['body']) =>
  put<AcknowledgeAlertData, AcknowledgeAlertResponse>({ url: '/api/v1/alerts/incidents/{id}/acknowledgement', path: { id }, body })

export const rules = (signal?: AbortSignal) => get<ListAlertRulesData, ListAlertRulesResponse>({ url: '/api/v1/alerts/rules' }, signal)
export const putRule = (id: string, body: PutAlertRuleData['body'], version: number | undefined) =>
  put<PutAlertRuleData, PutAlertRuleResponse>({ url: '/api/v1/alerts/rules/{id}', path: { id }, body, ifMatch: version === undefined ? undefined : `"${version}"` })
export const deleteRule = (id: string) => del<DeleteAlertRuleData, DeleteAlertRuleResponse>({ url: '/api/v1/alerts/rules/{id}', path: { id } })

export const silences = (signal?: AbortSignal) => get<ListSilencesData, ListSilencesResponse>({ url: '/api/v1/alerts/silences' }, signal)
export const createSilence = (body: CreateSilenceData['body']) => post<CreateSilenceData, CreateSilenceResponse>({ url: '/api/v1/alerts/silences', body })
export const deleteSilence = (id: string) => del<DeleteSilenceData, DeleteSilenceResponse>({ url: '/api/v1/alerts/silences/{id}', path: { id } })

export const sinks = (signal?: AbortSignal) => get<ListSinksData, ListSinksResponse>({ url: '/api/v1/alerts/sinks' }, signal)
export const testSink = (name: string) => post<TestSinkData, TestSinkResponse>({ url: '/api/v1/alerts/sinks/{name}/test', path: { name } })
