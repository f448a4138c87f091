// Everything the pages ask the server for, in one place, in the words of its
// OpenAPI document. Addresses are relative to the page, so that they work
// under any path.

import type {
  AssignData, AssignResponse, Document, ErrorModel, GetModelData, Group, GroupEnergyData, GroupEnergyResponse, GroupRangeData, GroupRangeResponse, GroupTrendData,
  GroupTrendResponse, Hierarchy, LatestData, LatestResponse, ListUnassignedData, ListUnassignedResponse, LoginData, LoginResponse, LogoutData, LogoutResponse, MeData,
  MeResponse, PutGroupData, PutGroupResponse, PutHierarchyData, PutHierarchyResponse, SignInWaysData, SignInWaysResponse, StreamData,
} from './generated/types.gen'

/** What lies in the model has its id; only a body whose address says it can go without. */
export type Known<T extends { id?: string }> = T & { id: string }

/** The model as a whole, where an empty list is a list. */
export type Model = { [K in keyof Document]-?: Known<NonNullable<Document[K]>[number]>[] }

/** A column of a group's ticks: its own meter, or the sum of its members. */
export type Column = Extract<NonNullable<NonNullable<GroupRangeData['query']>['column']>, 'sum' | 'meter'>

type Span = NonNullable<NonNullable<GroupTrendData['query']>['span']>

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

async function failure(res: Response): Promise<ApiError> {
  let said = res.statusText || `the server answered ${res.status}`
  try {
    const p = (await res.json()) as ErrorModel
    said = p.detail ?? p.title ?? said
    const first = p.errors?.[0]
    if (first?.message) said += `: ${first.message}${first.location ? ` (${first.location})` : ''}`
  } catch {
    // Not a problem document; the status has to do.
  }
  return new ApiError(res.status, said)
}

/** What the generated types say of a request. */
interface Asked {
  url: string
  path?: Record<string, string>
  query?: Record<string, string | number | boolean | string[] | null | undefined>
  body?: unknown
}

/** The address of a request, relative to the page. */
export function address({ url, path, query }: Asked): string {
  const at = url.slice(1).replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path?.[name] ?? ''))
  const q = Object.entries(query ?? {}).flatMap(([name, v]) =>
    (Array.isArray(v) ? v : v === null || v === undefined ? [] : [v]).map((one) => `${name}=${encodeURIComponent(one)}`),
  )
  return q.length > 0 ? `${at}?${q.join('&')}` : at
}

async function request<T>(method: string, asked: Asked, signal?: AbortSignal): Promise<T> {
  let res: Response
  try {
    res = await fetch(address(asked), {
      method,
      headers: { Accept: 'application/json', ...(asked.body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
      ...(signal ? { signal } : {}),
    })
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw new ApiError(0, 'the server cannot be reached')
  }
  if (!res.ok) throw await failure(res)
  if (res.status === 204) return undefined as T
  return (await res.json()) as T
}

/** A request by its generated type, without the headers, which are made here. */
type Ask<D> = Omit<D, 'headers'> & Asked

const get = <D, R>(asked: Ask<D>, signal?: AbortSignal) => request<R>('GET', asked, signal)
const post = <D, R>(asked: Ask<D>) => request<R>('POST', asked)
const put = <D, R>(asked: Ask<D>) => request<R>('PUT', asked)

export const api = {
  me: (signal?: AbortSignal) => get<MeData, MeResponse>({ url: '/api/v1/me' }, signal),
  signInWays: (signal?: AbortSignal) => get<SignInWaysData, SignInWaysResponse>({ url: '/api/v1/sign-in' }, signal),
  login: (name: string, password: string) => post<LoginData, LoginResponse>({ url: '/api/v1/login', body: { name, password } }),
  logout: () => post<LogoutData, LogoutResponse>({ url: '/api/v1/logout' }),
  model: async (signal?: AbortSignal): Promise<Model> => {
    const m = await get<GetModelData, Document>({ url: '/api/v1/model' }, signal)
    return { sites: [], sensors: [], groups: [], hierarchies: [], ...Object.fromEntries(Object.entries(m).filter(([, list]) => list !== null)) }
  },
  unassigned: (signal?: AbortSignal) => get<ListUnassignedData, ListUnassignedResponse>({ url: '/api/v1/unassigned', query: { limit: 50 } }, signal),
  assign: (sensor: string, group: string) => post<AssignData, AssignResponse>({ url: '/api/v1/assign', body: { sensor, group } }),
  putGroup: (g: Known<Group>) => put<PutGroupData, PutGroupResponse>({ url: '/api/v1/groups/{id}', path: { id: g.id }, body: g }),
  putHierarchy: (h: Known<Hierarchy>) => put<PutHierarchyData, PutHierarchyResponse>({ url: '/api/v1/hierarchies/{id}', path: { id: h.id }, body: h }),
  range: (id: string, column: Column, from: number, to: number, points: number, signal?: AbortSignal) =>
    get<GroupRangeData, GroupRangeResponse>({ url: '/api/v1/groups/{id}/range', path: { id }, query: { column, from: `${from}`, to: `${to}`, points } }, signal),
  trend: (id: string, column: Column, span: Span, signal?: AbortSignal) =>
    get<GroupTrendData, GroupTrendResponse>({ url: '/api/v1/groups/{id}/trend', path: { id }, query: { column, span } }, signal),
  energy: (id: string, from: number, to: number, signal?: AbortSignal) =>
    get<GroupEnergyData, GroupEnergyResponse>({ url: '/api/v1/groups/{id}/energy', path: { id }, query: { from: `${from}`, to: `${to}` } }, signal),
  latest: (sensor: string[], signal?: AbortSignal) => get<LatestData, LatestResponse>({ url: '/api/v1/latest', query: { sensor } }, signal),
  streamURL: (query: NonNullable<StreamData['query']>) => address({ url: '/api/v1/stream', query } satisfies StreamData),
}
