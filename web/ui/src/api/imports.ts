// What the view of imports asks for.

import { t } from '@lingui/core/macro'
import type {
  CancelImportData, CancelImportResponse, DeleteImportData, DeleteImportResponse, ErrorModel, GetImportData, GetImportResponse, Import, ListImportsData, ListImportsResponse, PreviewImportData, PreviewImportResponse,
  RedoImportData, RedoImportResponse, RunImportData, RunImportResponse, UndoImportData, UndoImportResponse,
} from './generated/types.gen'
import { address, ApiError, del, get, post, sentence } from './request'

export const imports = (offset: number, signal?: AbortSignal) => get<ListImportsData, ListImportsResponse>({ url: '/api/v1/imports', query: { limit: 20, offset } }, signal)
export const oneImport = (id: string, signal?: AbortSignal) => get<GetImportData, GetImportResponse>({ url: '/api/v1/imports/{id}', path: { id } }, signal)
export const preview = (id: string, body: PreviewImportData['body']) => post<PreviewImportData, PreviewImportResponse>({ url: '/api/v1/imports/{id}/preview', path: { id }, body })
export const run = (id: string, body: RunImportData['body']) => post<RunImportData, RunImportResponse>({ url: '/api/v1/imports/{id}/run', path: { id }, body })
export const undo = (id: string, why: string) => post<UndoImportData, UndoImportResponse>({ url: '/api/v1/imports/{id}/undo', path: { id }, body: { why } })
export const redo = (id: string, why: string) => post<RedoImportData, RedoImportResponse>({ url: '/api/v1/imports/{id}/redo', path: { id }, body: { why } })
export const remove = (id: string) => del<DeleteImportData, DeleteImportResponse>({ url: '/api/v1/imports/{id}', path: { id } })

/** Leaves a trial or an import of which nothing is stored yet. */
export const cancel = (id: string) => post<CancelImportData, CancelImportResponse>({ url: '/api/v1/imports/{id}/cancel', path: { id } })

/** Brings a file, telling how much of it (0 to 1) has gone. Fetch cannot tell that. */
export function upload(file: File, progress: (share: number) => void, signal: AbortSignal): Promise<Import> {
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest()
    x.open('POST', address({ url: '/api/v1/imports', query: { name: file.name } }))
    x.setRequestHeader('Content-Type', 'application/octet-stream')
    x.setRequestHeader('Accept', 'application/json')
    x.responseType = 'text'
    x.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total)
    x.onload = () => {
      let body: unknown
      try {
        body = JSON.parse(x.responseText)
      } catch {
        body = {}
      }
      if (x.status === 201) resolve(body as Import)
      else reject(new ApiError(x.status, sentence(x.status, body as ErrorModel)))
    }
    x.onerror = () => reject(new ApiError(0, t`the server cannot be reached`))
    x.onabort = () => reject(new DOMException('cancelled', 'AbortError'))
    signal.addEventListener('abort', () => x.abort())
    x.send(file)
  })
}
