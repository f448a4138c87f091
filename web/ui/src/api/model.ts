// What the view of the model asks for.

import type {
  AssignData, AssignResponse, Document, ListRevisionsData, ListRevisionsResponse, ListUnassignedData, ListUnassignedResponse,
  MoveData, MoveResponse, Patch, PatchModelData, PatchModelResponse, PutModelData, PutModelResponse, RenameData, RenameResponse, ReplaceDeviceData,
  ReplaceDeviceResponse, Sensor, RestoreRevisionData, RestoreRevisionResponse, RevisionDifferencesData, RevisionDifferencesResponse, UndoRevisionData, UndoRevisionResponse,
} from './generated/types.gen'
import type { Known } from './client'
import { get, patch, post, put } from './request'

const tag = (revision: number) => `"${revision}"`

export const changeModel = (body: Patch, revision: number | undefined) =>
  patch<PatchModelData, PatchModelResponse>({ url: '/api/v1/model', body, ifMatch: revision === undefined ? undefined : tag(revision) })

export const replaceModel = (body: Document, revision: number) => put<PutModelData, PutModelResponse>({ url: '/api/v1/model', body, ifMatch: tag(revision) })

export const move = (body: MoveData['body']) => post<MoveData, MoveResponse>({ url: '/api/v1/move', body })
export const assign = (body: AssignData['body']) => post<AssignData, AssignResponse>({ url: '/api/v1/assign', body })
export const rename = (body: RenameData['body']) => post<RenameData, RenameResponse>({ url: '/api/v1/rename', body })

export const replaceDevice = (id: string, body: ReplaceDeviceData['body']) =>
  post<ReplaceDeviceData, ReplaceDeviceResponse>({ url: '/api/v1/sensors/{id}/device', path: { id }, body })

export const undoRevision = (rev: number) => post<Omit<UndoRevisionData, 'path'>, UndoRevisionResponse>({ url: '/api/v1/revisions/{rev}/undo', path: { rev: `${rev}` } })

export const revisions = (before: number | undefined, signal?: AbortSignal) =>
  get<ListRevisionsData, ListRevisionsResponse>({ url: '/api/v1/revisions', query: { limit: 50, ...(before === undefined ? {} : { before }) } }, signal)

/** The number of the newest one; 0 when there is none. */
export const newestRevision = async (signal?: AbortSignal) =>
  (await get<ListRevisionsData, ListRevisionsResponse>({ url: '/api/v1/revisions', query: { limit: 1 } }, signal)).items?.[0]?.revision ?? 0

/** What became of the model from one revision to another, which may be the older one; without `since` what the revision itself did. */
export const differences = (rev: number, since: number | undefined, signal?: AbortSignal) =>
  get<Omit<RevisionDifferencesData, 'path'>, RevisionDifferencesResponse>(
    { url: '/api/v1/revisions/{rev}/differences', path: { rev: `${rev}` }, query: since === undefined ? {} : { since } }, signal)

/** Makes the model as it was after a revision, unless it is another one than `now` by then. */
export const restoreRevision = (rev: number, now: number) =>
  post<Omit<RestoreRevisionData, 'path'>, RestoreRevisionResponse>({ url: '/api/v1/revisions/{rev}/restore', path: { rev: `${rev}` }, ifMatch: tag(now) })

export const unassigned = (q: string, signal?: AbortSignal) =>
  get<ListUnassignedData, ListUnassignedResponse>({ url: '/api/v1/unassigned', query: { limit: 200, ...(q === '' ? {} : { q }) } }, signal)

/** What a sensor that is in no model was seen as, or null where nothing says what it measures. */
export async function seenAs(id: string, signal?: AbortSignal): Promise<Known<Sensor> | null> {
  // Others can have its name within theirs.
  for (let after: string | undefined; ; ) {
    const page: ListUnassignedResponse = await get<ListUnassignedData, ListUnassignedResponse>(
      { url: '/api/v1/unassigned', query: { q: id, limit: 1000, ...(after === undefined ? {} : { after }) } }, signal)
    const is = page.items?.find((x) => x.sensor === id)
    if (is) return is.quantity === undefined ? null : { id, quantity: is.quantity, ...(is.unit === undefined ? {} : { unit: is.unit }) }
    if (!page.next) return null
    after = page.next
  }
}
