// What the pages of objects ask for: objects, what is said of them, spaces,
// and when states changed.

import type {
  DeleteObjectEnrichmentData, Enrichment as Said, GetObjectData, ListObjectEventsData, ListObjectEventsResponse, ListObjectsData, ListSpacesData, ObjectDetail, ObjectEvent, ObjectItem, ObjectPage, PutObjectEnrichmentData,
  PutSpacesData, Space as StoredSpace, SpaceItem, SpaceList, StoredEnrichment,
} from './generated/types.gen'
import { del, get, getTagged, put, type Tagged } from './request'

export type Item = ObjectItem
export type Detail = ObjectDetail
export type State = ObjectItem['state']
export type Enrichment = Said
export type Space = StoredSpace
export type SpaceNode = SpaceItem
export type Change = ObjectEvent

/** "sensor/boiler" in its two parts; the second may hold slashes. */
export function partsOf(id: string): { kind: 'sensor' | 'group'; id: string } {
  const at = id.indexOf('/')
  return { kind: id.slice(0, at) === 'group' ? 'group' : 'sensor', id: id.slice(at + 1) }
}

export interface Wanted {
  search?: string | undefined
  kind?: 'sensor' | 'group' | undefined
  class?: string | undefined
  space?: string | undefined
  state?: State[] | undefined
  under?: string | undefined
}

export const objects = (of: Wanted, cursor?: string, signal?: AbortSignal) =>
  get<ListObjectsData, ObjectPage>({ url: '/api/v1/objects', query: { limit: 100, ...Object.fromEntries(Object.entries({ ...of, cursor }).filter(([, v]) => v !== undefined && v.length > 0)) }, lists: ['state'] }, signal)
export const object = (id: string, signal?: AbortSignal): Promise<Tagged<Detail>> => getTagged<GetObjectData, Detail>({ url: '/api/v1/objects/{kind}/{id}', path: partsOf(id) }, signal)
export const enrich = (id: string, body: Enrichment, ifMatch: string | undefined) => put<PutObjectEnrichmentData, StoredEnrichment>({ url: '/api/v1/objects/{kind}/{id}/enrichment', path: partsOf(id), body, ifMatch })
export const takeBack = (id: string, ifMatch: string | undefined) => del<DeleteObjectEnrichmentData, undefined>({ url: '/api/v1/objects/{kind}/{id}/enrichment', path: partsOf(id), ifMatch })
export const changes = async (id: string, from: number, to: number, signal?: AbortSignal): Promise<Change[]> =>
  (await get<ListObjectEventsData, ListObjectEventsResponse>({ url: '/api/v1/objects/events', query: { object: id, from: new Date(from).toISOString(), to: new Date(to).toISOString(), limit: 10_000 } }, signal)).events ?? []

export const spaces = (signal?: AbortSignal): Promise<Tagged<SpaceList>> => getTagged<ListSpacesData, SpaceList>({ url: '/api/v1/spaces' }, signal)
export const putSpaces = (list: Space[], ifMatch: string | undefined) => put<PutSpacesData, unknown>({ url: '/api/v1/spaces', body: { spaces: list }, ifMatch })
