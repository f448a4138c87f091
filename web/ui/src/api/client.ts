// Everything the pages ask the server for, in one place. Addresses are
// relative to the page, so that they work under any path.

import type { Group, GroupEnergy, Hierarchy, Latest, Me, Model, Range, SignInWays, Trend, Unassigned } from './types'

/** An answer that is not a success, as RFC 9457 problem details say it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

interface Problem {
  title?: string
  detail?: string
  errors?: { message?: string; location?: string }[]
}

async function failure(res: Response): Promise<ApiError> {
  let said = res.statusText || `the server answered ${res.status}`
  try {
    const p = (await res.json()) as Problem
    said = p.detail ?? p.title ?? said
    const first = p.errors?.[0]
    if (first?.message) said += `: ${first.message}${first.location ? ` (${first.location})` : ''}`
  } catch {
    // Not a problem document; the status has to do.
  }
  return new ApiError(res.status, said)
}

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  let res: Response
  try {
    res = await fetch(path, { ...init, headers: { Accept: 'application/json', ...(init?.body ? { 'Content-Type': 'application/json' } : {}) } })
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw new ApiError(0, 'the server cannot be reached')
  }
  if (!res.ok) throw await failure(res)
  if (res.status === 204) return undefined as T
  return (await res.json()) as T
}

const get = <T>(path: string, signal?: AbortSignal) => request<T>(path, signal ? { signal } : {})
const post = <T>(path: string, body?: unknown) => request<T>(path, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
const put = <T>(path: string, body: unknown) => request<T>(path, { method: 'PUT', body: JSON.stringify(body) })
const id = encodeURIComponent

/** A column of a group's ticks: its own meter, or the sum of its members. */
export type Column = 'sum' | 'meter'

const group = (g: string) => `api/v1/groups/${id(g)}`
const list = (name: string, values: string[]) => values.map((v) => `${name}=${id(v)}`).join('&')

export const api = {
  me: (signal?: AbortSignal) => get<Me>('api/v1/me', signal),
  signInWays: (signal?: AbortSignal) => get<SignInWays>('api/v1/sign-in', signal),
  login: (name: string, password: string) => post<Me>('api/v1/login', { name, password }),
  logout: () => post<undefined>('api/v1/logout'),
  model: (signal?: AbortSignal) => get<Model>('api/v1/model', signal),
  unassigned: (signal?: AbortSignal) => get<Unassigned>('api/v1/unassigned?limit=50', signal),
  assign: (sensor: string, to: string) => post<unknown>('api/v1/assign', { sensor, group: to }),
  putGroup: (g: Group) => put<unknown>(group(g.id), g),
  putHierarchy: (h: Hierarchy) => put<unknown>(`api/v1/hierarchies/${id(h.id)}`, h),
  range: (g: string, column: Column, from: number, to: number, points: number, signal?: AbortSignal) =>
    get<Range>(`${group(g)}/range?column=${column}&from=${from}&to=${to}&points=${points}`, signal),
  trend: (g: string, column: Column, span: '1h' | '1d' | '1w', signal?: AbortSignal) => get<Trend>(`${group(g)}/trend?column=${column}&span=${span}`, signal),
  energy: (g: string, from: number, to: number, signal?: AbortSignal) => get<GroupEnergy>(`${group(g)}/energy?from=${from}&to=${to}`, signal),
  latest: (sensors: string[], signal?: AbortSignal) => get<Latest>(`api/v1/latest?${list('sensor', sensors)}`, signal),
  streamURL: (sensors: string[]) => `api/v1/stream${sensors.length > 0 ? `?${list('sensor', sensors)}` : ''}`,
}
