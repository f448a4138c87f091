// What the pages of availability and of energy services ask for.

import type {
  AvailabilityComposite, AvailabilityMicroservice, AvailabilityObject, AvailabilityOutcome, AvailabilityPast, AvailabilityService, BillItem, GetAvailabilityResponse, GetImportanceResponse, ListBillsResponse, ListServicesResponse,
  ListServiceSubjectsResponse, ListWaitingResponse, Missing, ServiceItem, ServiceResult, ServiceSubject, SimulateAvailabilityResponse, StoredBill, Substitution, WaitingWork,
} from './generated/types.gen'
import { address, ApiError, failure, get, post } from './request'

export type { BillItem, Missing, Rested } from './generated/types.gen'
export type Available = AvailabilityService
export type Composite = AvailabilityComposite
export type Exec = AvailabilityService['exec']
export type Microservice = AvailabilityMicroservice
export type Outcome = AvailabilityOutcome
export type Source = AvailabilityObject['source']
export type StandIn = Substitution

/** A service as it is listed; one that is being written has no sid yet. */
export type Service = Omit<ServiceItem, 'sid'> & { sid: string }

type Asked = { url: string; path?: Record<string, string>; query?: Record<string, string | number | boolean | undefined>; body?: unknown }

export const availability = (subject: string | undefined, signal?: AbortSignal) => get<Asked, GetAvailabilityResponse>({ url: '/api/v1/availability', query: { subject } }, signal)

/** A service for a subject. */
export interface Of {
  sid: string
  domain: string
  subject: string | undefined
}

const query = ({ sid, domain, subject }: Of) => ({ sid, domain, subject })

export const importance = (of: Of, all: boolean, signal?: AbortSignal) => get<Asked, GetImportanceResponse>({ url: '/api/v1/availability/importance', query: { ...query(of), all, limit: 50 } }, signal)

export const past = (of: Of, from: number, to: number, signal?: AbortSignal) => get<Asked, AvailabilityPast>({ url: '/api/v1/availability/history', query: { ...query(of), from: new Date(from).toISOString(), to: new Date(to).toISOString() } }, signal)

export const simulate = (of: Of, more: { outages: number[]; replicas: number; virtual: number; draws: number; seed: number }) =>
  post<Asked, SimulateAvailabilityResponse>({ url: '/api/v1/availability/simulate', body: { ...query(of), ...more } })

export const services = (signal?: AbortSignal) => get<Asked, Omit<ListServicesResponse, 'services'> & { services: Service[] | null }>({ url: '/api/v1/services' }, signal)

/** A subject that a service may run for. */
export type Subject = Omit<ServiceSubject, 'reason'> & { reason?: Reason }

export const subjects = (sid: string, domain: string, cursor?: string, signal?: AbortSignal) => get<Asked, Omit<ListServiceSubjectsResponse, 'subjects'> & { subjects: Subject[] | null }>({ url: '/api/v1/services/{sid}/subjects', path: { sid }, query: { domain, limit: 100, cursor } }, signal)

export type Reason = 'restriction' | 'threshold' | 'conflict' | 'no-microservice'

/** Why a service cannot be carried out: a problem with more than the description of the API says of problems. */
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

export const execute = (sid: string, body: Wish) => asking<ServiceResult>({ url: '/api/v1/services/{sid}/execute', path: { sid }, body })

export const bills = async (service: string | undefined, signal?: AbortSignal): Promise<BillItem[]> => (await get<Asked, ListBillsResponse>({ url: '/api/v1/bills', query: { service, limit: 200 } }, signal)).bills ?? []
export const bill = (id: string, revision: number | undefined, signal?: AbortSignal) =>
  get<Asked, StoredBill>(revision === undefined ? { url: '/api/v1/bills/{id}', path: { id } } : { url: '/api/v1/bills/{id}/revisions/{revision}', path: { id, revision: `${revision}` } }, signal)
export const makeBill = (body: Wish & { service: string; name?: string }) => asking<StoredBill>({ url: '/api/v1/bills', body })
export const billAgain = (id: string) => asking<StoredBill>({ url: '/api/v1/bills/{id}/run', path: { id }, body: undefined })

export const waiting = async (signal?: AbortSignal): Promise<WaitingWork[]> => (await get<Asked, ListWaitingResponse>({ url: '/api/v1/services/waiting' }, signal)).waiting ?? []
