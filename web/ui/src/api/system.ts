// What the view of the system asks for.

import type {
  AggregationStatusData, AggregationStatusResponse, CancelSettlingData, CancelSettlingResponse, ChangePasswordData, ChangePasswordResponse, ChangeUserData, ChangeUserResponse, CreateLinkData, CreateLinkResponse,
  CreateTokenData, CreateTokenResponse, CreateUserData, CreateUserResponse, DeadLettersData, DeadLettersResponse, DeleteUserData, DeleteUserResponse, DoctorData,
  DoctorResponse, InstancesData, InstancesResponse, IntakeData, IntakeResponse, ListTokensData, ListTokensResponse, ListUsersData, ListUsersResponse, RetryDeadLettersData, RetryDeadLettersResponse, RevokeTokenData, RevokeTokenResponse, SettleAgainData,
  SettleAgainResponse, SettlementStatusData, SettlementStatusResponse, SystemData, SystemResponse,
} from './generated/types.gen'
import { del, get, patch, post } from './request'

export const system = (signal?: AbortSignal) => get<SystemData, SystemResponse>({ url: '/api/v1/system' }, signal)
export const doctor = (signal?: AbortSignal) => get<DoctorData, DoctorResponse>({ url: '/api/v1/doctor' }, signal)
export const aggregation = (signal?: AbortSignal) => get<AggregationStatusData, AggregationStatusResponse>({ url: '/api/v1/aggregation' }, signal)
export const intake = (signal?: AbortSignal) => get<IntakeData, IntakeResponse>({ url: '/api/v1/intake' }, signal)
export const instances = (signal?: AbortSignal) => get<InstancesData, InstancesResponse>({ url: '/api/v1/instances' }, signal)
/** The newest first; `before` is the `next` of the page before. */
export const deadLetters = (of: { sensor?: string | undefined; source?: string | undefined; before?: number | undefined; limit: number }, signal?: AbortSignal) =>
  get<DeadLettersData, DeadLettersResponse>({ url: '/api/v1/dead-letters', query: of }, signal)
/** Offers again what is decoded of them. */
export const retryLetters = (body: RetryDeadLettersData['body']) => post<RetryDeadLettersData, RetryDeadLettersResponse>({ url: '/api/v1/dead-letters/retry', body })
export const settlement = (signal?: AbortSignal) => get<SettlementStatusData, SettlementStatusResponse>({ url: '/api/v1/settled/status' }, signal)
export const cancelSettling = () => post<CancelSettlingData, CancelSettlingResponse>({ url: '/api/v1/settled/again/cancel' })
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
