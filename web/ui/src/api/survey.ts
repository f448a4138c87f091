// What the pages of a field survey ask for.

import type {
  SurveyDeviceHealthData, SurveyDeviceHealthResponse, SurveyListHouseholdsData, SurveyListHouseholdsResponse, SurveyListIncidentsData, SurveyListIncidentsResponse, SurveyListReceiptsData,
  SurveyListReceiptsResponse, SurveyMakeEnrolmentTokenData, SurveyMakeEnrolmentTokenResponse, SurveyReadConsentTextData, SurveyReadConsentTextResponse, SurveyReadHouseholdData,
  SurveyReadHouseholdResponse, SurveyRegisterHouseholdData, SurveyRegisterHouseholdResponse, SurveyRegistration, SurveyReportTargetsData, SurveyReportTargetsResponse, SurveyRevokeConsentForData,
  SurveyRevokeConsentForResponse, SurveyRevokeDeviceData, SurveyRevokeDeviceResponse,
} from './generated/types.gen'
import { del, get, post } from './request'

/** How many are asked for at a time. */
const part = 100

export const households = (of: { q?: string | undefined; state?: 'not_granted' | 'granted' | 'revoked' | undefined; after?: string | undefined }, signal?: AbortSignal) =>
  get<SurveyListHouseholdsData, SurveyListHouseholdsResponse>({ url: '/api/v1/survey/household', query: { ...of, limit: part } }, signal)
export const household = (uuid: string, signal?: AbortSignal) => get<SurveyReadHouseholdData, SurveyReadHouseholdResponse>({ url: '/api/v1/survey/household/{uuid}', path: { uuid } }, signal)
export const registerHousehold = (body: SurveyRegistration) => post<SurveyRegisterHouseholdData, SurveyRegisterHouseholdResponse>({ url: '/api/v1/survey/household', body })
export const receipts = (uuid: string, signal?: AbortSignal) => get<SurveyListReceiptsData, SurveyListReceiptsResponse>({ url: '/api/v1/survey/household/{uuid}/consent', path: { uuid } }, signal)
export const revokeConsent = (uuid: string) => del<SurveyRevokeConsentForData, SurveyRevokeConsentForResponse>({ url: '/api/v1/survey/household/{uuid}/consent', path: { uuid } })
export const makeToken = (uuid: string) => post<SurveyMakeEnrolmentTokenData, SurveyMakeEnrolmentTokenResponse>({ url: '/api/v1/survey/device/{uuid}/token', path: { uuid } })
export const revokeDevice = (uuid: string) => post<SurveyRevokeDeviceData, SurveyRevokeDeviceResponse>({ url: '/api/v1/survey/device/{uuid}/revoke', path: { uuid } })
export const consentText = (signal?: AbortSignal) => get<SurveyReadConsentTextData, SurveyReadConsentTextResponse>({ url: '/api/v1/survey/consent_text' }, signal)
export const health = (after: string | undefined, signal?: AbortSignal) =>
  get<SurveyDeviceHealthData, SurveyDeviceHealthResponse>({ url: '/api/v1/survey/device', query: (after === undefined ? { limit: part } : { after, limit: part }) }, signal)
/** The newest first. */
export const surveyIncidents = (of: { household?: string | undefined; state?: 'open' | 'resolved' | undefined; after?: string | undefined; limit?: number }, signal?: AbortSignal) =>
  get<SurveyListIncidentsData, SurveyListIncidentsResponse>({ url: '/api/v1/survey/incident', query: { limit: part, ...of } }, signal)
export const targets = (of: { from?: string | undefined; to?: string | undefined; every?: 'day' | 'week' | undefined }, signal?: AbortSignal) =>
  get<SurveyReportTargetsData, SurveyReportTargetsResponse>({ url: '/api/v1/survey/report', query: of }, signal)
