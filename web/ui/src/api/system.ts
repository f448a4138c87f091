// What the view of the system asks for.

import type {
  AggregationStatusData, AggregationStatusResponse, ChangePasswordData, ChangePasswordResponse, ChangeUserData, ChangeUserResponse, CreateLinkData, CreateLinkResponse,
  CreateTokenData, CreateTokenResponse, CreateUserData, CreateUserResponse, DeadLettersData, DeadLettersResponse, DeleteUserData, DeleteUserResponse, DoctorData,
  DoctorResponse, IntakeData, IntakeResponse, ListTokensData, ListTokensResponse, ListUsersData, ListUsersResponse, RevokeTokenData, RevokeTokenResponse, SettleAgainData,
  SettleAgainResponse, SettlementStatusData, SettlementStatusResponse, SystemData, SystemResponse,
} from './generated/types.gen'
import { del, get, patch, post } from './request'

export const system = (signal?: AbortSignal) => get<SystemData, SystemResponse>({ url: '/api/v1/system' }, signal)
export const doctor = (signal?: AbortSignal) => get<DoctorData, DoctorResponse>({ url: '/api/v1/doctor' }, signal)
export const aggregation = (signal?: AbortSignal) => get<AggregationStatusData, AggregationStatusResponse>({ url: '/api/v1/aggregation' }, signal)
export const intake = (signal?: AbortSignal) => get<IntakeData, IntakeResponse>({ url: '/api/v1/intake' }, signal)
export const deadLetters = (limit: number, signal?: AbortSignal) => get<DeadLettersData, DeadLettersResponse>({ url: '/api/v1/dead-letters', query: { limit } }, signal)
export const settlement = (signal?: AbortSignal) => get<SettlementStatusData, SettlementStatusResponse>({ url: '/api/v1/settled/status' }, signal)
export const settleAgain = (body: SettleAgainData['body']) => post<SettleAgainData, SettleAgainResponse>({ url: '/api/v1/settled/again', body })

export const users = (signal?: AbortSignal) => get<ListUsersData, ListUsersResponse>({ url: '/api/v1/users' }, signal)
export const createUser = (body: CreateUserData['body']) => post<CreateUserData, CreateUserResponse>({ url: '/api/v1/users', body })
export const changeUser = (id: string, body: ChangeUserData['body']) => patch<ChangeUserData, ChangeUserResponse>({ url: '/api/v1/users/{id}', path: { id }, body })
export const deleteUser = (id: string) => del<DeleteUserData, DeleteUserResponse>({ url: '/api/v1/users/{id}', path: { id } })
export const createLink = (id: string) => post<CreateLinkData, CreateLinkResponse>({ url: '/api/v1/users/{id}/link', path: { id } })
export const changePassword = (body: ChangePasswordData['body']) => post<ChangePasswordData, ChangePasswordResponse>({ url: '/api/v1/me/password', body })

export const tokens = (signal?: AbortSignal) => get<ListTokensData, ListTokensResponse>({ url: '/api/v1/tokens' }, signal)
export const createToken = (body: CreateTokenData['body']) => post<CreateTokenData, CreateTokenResponse>({ url: '/api/v1/tokens', body })
export const revokeToken = (id: string) => del<RevokeTokenData, RevokeTokenResponse>({ url: '/api/v1/tokens/{id}', path: { id } })

/** Offers again what had become a dead letter. */
export const offerAgain = (body: unknown) => post<{ url: string }, unknown>({ url: '/api/v1/ingest/json', body })
