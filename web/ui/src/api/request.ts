// How the pages ask the server: addresses relative to the page, so that they
// work under any path; types out of the OpenAPI document; answers that are
// not a success as errors.

import { t } from '@lingui/core/macro'
import { problem } from '../lib/problems'
import type { ErrorModel } from './generated/types.gen'

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

/** What went wrong, out of an answer that is not a success. */
export async function failure(res: Response): Promise<ApiError> {
  let body: ErrorModel = {}
  try {
    body = (await res.json()) as ErrorModel
  } catch {
    // Not a problem document; the status has to do.
  }
  return new ApiError(res.status, sentence(res.status, body, res.statusText))
}

/** What a problem says, in the language of the page. */
export function sentence(status: number, p: ErrorModel, otherwise = ''): string {
  let said = p.detail ?? p.title ?? (otherwise || t`the server answered ${status}`)
  const first = p.errors?.[0]
  if (first?.message) said += `: ${first.message}${first.location ? ` (${first.location})` : ''}`
  return problem(status, p.type, said)
}

/** What the generated types say of a request. */
interface Asked {
  url: string
  path?: Record<string, string>
  query?: Record<string, string | number | boolean | string[] | null | undefined>
  /** Parameters of which the server reads one list with commas; of the others each value is a parameter. */
  lists?: readonly string[]
  body?: unknown
  /** What the body is, if not plain JSON. */
  type?: string
  /** Changes only what still has this tag. */
  ifMatch?: string | undefined
}

/** The address of a request, relative to the page. */
export function address({ url, path, query, lists }: Asked): string {
  const at = url.slice(1).replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path?.[name] ?? ''))
  const q = Object.entries(query ?? {}).flatMap(([name, v]) =>
    (Array.isArray(v) ? (lists?.includes(name) === true ? (v.length > 0 ? [v.join()] : []) : v) : v === null || v === undefined ? [] : [v]).map((one) => `${name}=${encodeURIComponent(one)}`),
  )
  return q.length > 0 ? `${at}?${q.join('&')}` : at
}

async function answer(method: string, asked: Asked, signal?: AbortSignal): Promise<Response> {
  let res: Response
  try {
    res = await fetch(address(asked), {
      method,
      headers: { Accept: 'application/json', ...(asked.body === undefined ? {} : { 'Content-Type': asked.type ?? 'application/json' }), ...(asked.ifMatch === undefined ? {} : { 'If-Match': asked.ifMatch }) },
      ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
      ...(signal ? { signal } : {}),
    })
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw new ApiError(0, t`the server cannot be reached`)
  }
  if (!res.ok) throw await failure(res)
  return res
}

async function request<T>(method: string, asked: Asked, signal?: AbortSignal): Promise<T> {
  const res = await answer(method, asked, signal)
  if (res.status === 204) return undefined as T
  return (await res.json()) as T
}

/** An answer with its tag, for `ifMatch`. */
export interface Tagged<T> {
  value: T
  etag: string | undefined
}

/** A request by its generated type, without the headers, which are made here. */
type Ask<D> = Omit<D, 'headers'> & Asked

export const get = <D, R>(asked: Ask<D>, signal?: AbortSignal) => request<R>('GET', asked, signal)
export const getTagged = async <D, R>(asked: Ask<D>, signal?: AbortSignal): Promise<Tagged<R>> => {
  const res = await answer('GET', asked, signal)
  return { value: (await res.json()) as R, etag: res.headers.get('ETag') ?? undefined }
}
export const post = <D, R>(asked: Ask<D>) => request<R>('POST', asked)
export const put = <D, R>(asked: Ask<D>) => request<R>('PUT', asked)
export const patch = <D, R>(asked: Ask<D>) => request<R>('PATCH', asked)
export const del = <D, R>(asked: Ask<D>) => request<R>('DELETE', asked)
