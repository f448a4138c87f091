// What the pages of availability and of energy services ask for.

import type { State } from './objects'
import { address, ApiError, failure, get, post } from './request'

export type Exec = 'full' | 'partial' | 'none'
export type Source = 'none' | 'live' | 'substituted' | 'virtual'

export interface Figures {
  exec: Exec
  strict: number
  mean: number
  quality: number
  coupled: number
  series: number
  usable: number
  full: number
  of: number
}

export interface Member {
  object?: string
  share: number
  source: Source
  by?: string
  since?: string
  cut?: boolean
}

export interface Composite {
  tag: string
  usable: boolean
  present: number
  of: number
  quality: number
  objects: Member[] | null
}

export interface Microservice {
  id: string
  version: string
  up: boolean
  usable: boolean
  full: boolean
  fraction: number
  quality: number
  composites: Composite[] | null
}

export interface Missing {
  ms: string
  cvo?: string
  vo?: string
  cause: 'object' | 'link' | 'microservice' | 'absent' | 'quality' | 'conflict'
  since?: number
  holder?: { priority: number; until: number }
}

export interface StandIn {
  ms: string
  cvo: string
  vo: string
  source: 'substituted' | 'virtual'
  by?: string
  share: number
  since?: number
}

export interface Available extends Figures {
  sid: string
  name?: string
  domain: string
  subject?: string
  required: string
  groups: (Figures & { name: string })[] | null
  microservices: Microservice[] | null
  missing: Missing[] | null
  more: number
  linkFailures: number
  objectFailures: number
  substitutions: StandIn[] | null
  why?: string
}

type Asked = { url: string; path?: Record<string, string>; query?: Record<string, string | number | boolean | undefined>; body?: unknown }

export const availability = (subject: string | undefined, signal?: AbortSignal) => get<Asked, { at: string; epoch: number; services: Available[] | null }>({ url: '/api/v1/availability', query: { subject } }, signal)

export interface Important {
  object: string
  name?: string
  state: State
  strict: number
  mean: number
  quality: number
}

/** A service for a subject. */
export interface Of {
  sid: string
  domain: string
  subject: string | undefined
}

const query = ({ sid, domain, subject }: Of) => ({ sid, domain, subject })

export const importance = (of: Of, all: boolean, signal?: AbortSignal) => get<Asked, { objects: Important[] | null; of: number }>({ url: '/api/v1/availability/importance', query: { ...query(of), all, limit: 50 } }, signal)

export interface Share {
  share: number | null
  known_s: number
  unknown_s: number
}

export interface Past {
  from: string
  to: string
  strict: Share
  mean: Share
  any: Share
  points: { at: string; exec: Exec; strict: number; mean: number }[] | null
  events: number
  whole: boolean
}

export const past = (of: Of, from: number, to: number, signal?: AbortSignal) => get<Asked, Past>({ url: '/api/v1/availability/history', query: { ...query(of), from: new Date(from).toISOString(), to: new Date(to).toISOString() } }, signal)

export interface Estimate {
  mean: number
  error: number
}

export interface Outcome {
  outage: number
  strict: Estimate
  mean: Estimate
  monolith: Estimate
  full: Estimate
  runs: Estimate
}

export const simulate = (of: Of, more: { outages: number[]; replicas: number; virtual: number; draws: number; seed: number }) =>
  post<Asked, { draws: number; objects: number; curve: Outcome[] | null }>({ url: '/api/v1/availability/simulate', body: { ...query(of), ...more } })

export interface Service {
  sid: string
  name?: string
  domain: string
  priority: number
  threshold: string
  restriction: { kind: 'all' | 'min' | 'some'; k?: number }
  steps: { microservice: string; major: number; critical?: boolean }[] | null
  local?: string
  builtIn: boolean
  bills: boolean
}

export const services = (signal?: AbortSignal) => get<Asked, { services: Service[] | null; faults: string[] | null }>({ url: '/api/v1/services' }, signal)

export interface Subject {
  subject: string
  name?: string
  exec: Exec
  strict: number
  mean: number
  quality: number
  reason?: Reason
  missing: Missing[] | null
  more: number
}

export const subjects = (sid: string, domain: string, cursor?: string, signal?: AbortSignal) => get<Asked, { subjects: Subject[] | null; next?: string }>({ url: '/api/v1/services/{sid}/subjects', path: { sid }, query: { domain, limit: 100, cursor } }, signal)

export type Reason = 'restriction' | 'threshold' | 'conflict' | 'no-microservice'

/** Why a service cannot be carried out. */
export interface NotAvailable {
  detail: string
  reason: Reason
  required: { microservices: string; of: number; critical?: string[] }
  usable: number
  missing: Missing[] | null
  more?: number
  threshold: { limit_ms: number; estimated_ms: number }
  availability: number
  mean: number
  quality: number
  retryAfter_s: number
  queued: boolean
  alternatives: { sid: string; availability: number }[] | null
}

export class NotAvailableError extends ApiError {
  constructor(readonly why: NotAvailable) {
    super(503, why.detail)
    this.name = 'NotAvailableError'
  }
}

export interface Counted {
  intervals: number
  measured: number
  corrected: number
  substituted: number
  estimated: number
  missing: number
}

export interface Rested {
  role: string
  object: string
  quality: Counted
}

export interface Run {
  sid: string
  subject?: string
  from: string | null
  to: string | null
  exec: 'full' | 'partial'
  strict: number
  mean: number
  quality: number
  rests: Rested[] | null
  substitutions: StandIn[] | null
  missing: Missing[] | null
  took_ms: number
  result: unknown
}

export interface Wish {
  domain: string
  subject?: string
  from?: string
  to?: string
  parameters?: Record<string, unknown>
}

/** Carries out a service; what is not available is told with all that is missing. */
async function asking<T>(asked: Asked): Promise<T> {
  let res: Response
  try {
    res = await fetch(address(asked), { method: 'POST', headers: { Accept: 'application/json', 'Content-Type': 'application/json' }, body: JSON.stringify(asked.body) })
  } catch (e) {
    throw new ApiError(0, e instanceof Error ? e.message : String(e))
  }
  if (res.ok) return (await res.json()) as T
  if (res.status === 503) {
    const said = (await res.clone().json().catch(() => undefined)) as Partial<NotAvailable> | undefined
    if (said?.reason !== undefined) throw new NotAvailableError(said as NotAvailable)
  }
  throw await failure(res)
}

export const execute = (sid: string, body: Wish) => asking<Run>({ url: '/api/v1/services/{sid}/execute', path: { sid }, body })

export interface BillItem {
  id: string
  revision: number
  service: string
  subject?: string
  name?: string
  from: string
  to: string
  made: string
  madeBy: string
  note?: string
}

export interface Bill extends BillItem {
  exec: 'full' | 'partial'
  quality: number
  rests: Rested[] | null
  substitutions: StandIn[] | null
  missing: Missing[] | null
  result: unknown
  revisions: BillItem[] | null
}

export const bills = async (service: string | undefined, signal?: AbortSignal): Promise<BillItem[]> => (await get<Asked, { bills: BillItem[] | null }>({ url: '/api/v1/bills', query: { service, limit: 200 } }, signal)).bills ?? []
export const bill = (id: string, revision: number | undefined, signal?: AbortSignal) =>
  get<Asked, Bill>(revision === undefined ? { url: '/api/v1/bills/{id}', path: { id } } : { url: '/api/v1/bills/{id}/revisions/{revision}', path: { id, revision: `${revision}` } }, signal)
export const makeBill = (body: Wish & { service: string; name?: string }) => asking<Bill>({ url: '/api/v1/bills', body })
export const billAgain = (id: string) => asking<Bill>({ url: '/api/v1/bills/{id}/run', path: { id }, body: undefined })

export interface Waiting {
  service: string
  subject?: string
  from: string
  to: string
  asked: string
  who: string
}

export const waiting = async (signal?: AbortSignal): Promise<Waiting[]> => (await get<Asked, { waiting: Waiting[] | null }>({ url: '/api/v1/services/waiting' }, signal)).waiting ?? []
