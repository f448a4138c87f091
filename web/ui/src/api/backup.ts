// A copy of everything, which comes as one stream of bytes.

import { t } from '@lingui/core/macro'
import { ApiError } from './request'

/** Fetches it, telling how many bytes there are. It is kept in memory by the browser, or on its disk when it is large. */
export async function backup(progress: (bytes: number) => void, signal: AbortSignal): Promise<Blob> {
  const res = await fetch('api/v1/backup', { method: 'POST', signal })
  if (!res.ok || !res.body) {
    const problem = (await res.json().catch(() => undefined)) as { detail?: string } | undefined
    throw new ApiError(res.status, problem?.detail ?? t`the server answered ${res.status}`)
  }
  const parts: Blob[] = []
  let pending: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  let waiting = 0
  const reader = res.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    pending.push(value)
    bytes += value.length
    waiting += value.length
    // A blob can be put aside by the browser; bytes in hand cannot.
    if (waiting > 8 << 20) {
      parts.push(new Blob(pending))
      pending = []
      waiting = 0
    }
    progress(bytes)
  }
  return new Blob([...parts, ...pending], { type: 'application/zstd' })
}
