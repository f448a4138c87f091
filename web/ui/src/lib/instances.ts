// What processes share, in few words.

import type { InstanceLag } from '../api/generated/types.gen'

/** Numbers in order, neighbours together: "0–3, 7". */
export function ranges(numbers: readonly number[]): string {
  const out: string[] = []
  const sorted = [...new Set(numbers)].sort((a, b) => a - b)
  for (let i = 0; i < sorted.length; ) {
    let j = i
    while (sorted[j + 1] === (sorted[j] ?? 0) + 1) j++
    out.push(j === i ? `${sorted[i]}` : `${sorted[i]}–${sorted[j]}`)
    i = j + 1
  }
  return out.join(', ')
}

export interface ReaderLag {
  reader: string
  instance: string
  partitions: number[]
  /** Waiting on all of them. */
  messages: number
  /** How long the oldest has waited. */
  seconds: number
}

/** One reader of one process, whatever it reads. */
export function readersOf(lags: readonly InstanceLag[]): ReaderLag[] {
  const by = new Map<string, ReaderLag>()
  for (const l of lags) {
    const key = `${l.reader}/${l.instance}`
    const r = by.get(key) ?? { reader: l.reader, instance: l.instance, partitions: [], messages: 0, seconds: 0 }
    r.partitions.push(l.partition)
    r.messages += l.messages
    r.seconds = Math.max(r.seconds, l.messages > 0 ? l.seconds : 0)
    by.set(key, r)
  }
  return [...by.values()].sort((a, b) => a.reader.localeCompare(b.reader) || a.instance.localeCompare(b.instance))
}
