// Files that the server makes as a stream of bytes, with how far they are.

import { failure } from './request'

export interface Progress {
  bytes: number
  /** Up to which moment the rows go that came, ms; undefined when they do not say. */
  at?: number | undefined
}

export interface Fetched {
  blob: Blob
  /** What the server calls it. */
  name?: string | undefined
}

/** The last moment that rows of text speak of, ms. */
export function lastMoment(text: string): number | undefined {
  const all = text.match(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g)
  const ms = Date.parse(all?.at(-1) ?? '')
  return Number.isNaN(ms) ? undefined : ms
}

/** The name in a Content-Disposition header. */
export function nameIn(header: string | null): string | undefined {
  const coded = /filename\*=UTF-8''([^;]+)/i.exec(header ?? '')?.[1]
  if (coded !== undefined) {
    try {
      return decodeURIComponent(coded)
    } catch {
      return undefined
    }
  }
  return /filename="?([^";]+)"?/i.exec(header ?? '')?.[1]
}

const tail = 400

/** Fetches it, telling how far it is. It is kept in memory by the browser, or on its disk when it is large. */
export async function fetched(url: string, init: RequestInit & { signal: AbortSignal }, progress: (p: Progress) => void): Promise<Fetched> {
  const res = await fetch(url, init)
  if (!res.ok || !res.body) throw await failure(res)
  const type = res.headers.get('Content-Type') ?? ''
  const rows = /csv|json/.test(type)
  const decoder = new TextDecoder()
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
    progress({ bytes, at: rows ? lastMoment(decoder.decode(value.subarray(-tail))) : undefined })
  }
  return { blob: new Blob([...parts, ...pending], { type }), name: nameIn(res.headers.get('Content-Disposition')) }
}
