// What the page of microservices asks for: templates, instances, leases, cut links; and
// what is read from JSON-LD.

import type {
  CutLinkData, CutLink as Cut, DeleteLeaseData, DeleteServiceData, GetMicroserviceData, GetMicroserviceResponse, GetServiceData, ImportObjectsData, LeaseItem, ListLeasesData, ListLeasesResponse, ListLinksData, ListLinksResponse,
  ListMicroservicesData, ListMicroservicesResponse, MendLinkData, MicroserviceItem, ObjectsImported, PutServiceData, ServiceItem,
} from './generated/types.gen'
import { del, get, getTagged, post, put, type Tagged } from './request'

export type Microservice = MicroserviceItem
export type CutLink = Cut
export type Lease = LeaseItem
export type Definition = ServiceItem
export type Imported = ObjectsImported

export const microservices = async (signal?: AbortSignal): Promise<Microservice[]> => (await get<ListMicroservicesData, ListMicroservicesResponse>({ url: '/api/v1/microservices' }, signal)).microservices ?? []
export const microservice = (id: string, signal?: AbortSignal) => get<GetMicroserviceData, GetMicroserviceResponse>({ url: '/api/v1/microservices/{id}', path: { id } }, signal)
export const leases = async (signal?: AbortSignal): Promise<Lease[]> => (await get<ListLeasesData, ListLeasesResponse>({ url: '/api/v1/leases' }, signal)).leases ?? []
export const giveBack = (id: string) => del<DeleteLeaseData, undefined>({ url: '/api/v1/leases/{id}', path: { id } })
export const links = async (signal?: AbortSignal): Promise<CutLink[]> => (await get<ListLinksData, ListLinksResponse>({ url: '/api/v1/links' }, signal)).links ?? []
export const cutLink = (body: CutLinkData['body']) => post<CutLinkData, CutLink>({ url: '/api/v1/links', body })
export const mendLink = (id: string) => del<MendLinkData, undefined>({ url: '/api/v1/links/{id}', path: { id } })

export const definition = (sid: string, domain: string, signal?: AbortSignal): Promise<Tagged<Definition>> => getTagged<GetServiceData, Definition>({ url: '/api/v1/services/{sid}', path: { sid }, query: { domain } }, signal)
export const define = (sid: string, body: PutServiceData['body'], ifMatch: string | undefined) => put<PutServiceData, Definition>({ url: '/api/v1/services/{sid}', path: { sid }, body, ifMatch })

export const takeBack = (sid: string, domain: string, ifMatch: string | undefined) => del<DeleteServiceData, undefined>({ url: '/api/v1/services/{sid}', path: { sid }, query: { domain }, ifMatch })

/** Without apply it is only said what would be done. */
export const importObjects = (body: unknown, apply: boolean) => post<ImportObjectsData, Imported>({ url: '/api/v1/objects/import', query: { apply }, type: 'application/ld+json', body: body as ImportObjectsData['body'] })
