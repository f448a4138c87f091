// What a chart of time draws, and how it is laid on one time axis.

import uPlot from 'uplot'

export type Column = (number | null)[]

/**
 * One line: columns of equal length, ascending times in ms, null where nothing
 * is known. What was drawn once may go on in the same columns: new points come
 * at their end, the last may change, and old ones may go from their beginning.
 */
export interface Line {
  /** What is drawn: the identifier of a sensor or group; different for each line of a chart. */
  key: string
  /** Whose colour it has, where that is another's: of the same sensor, a year before. Default: the key's. */
  of?: string | undefined
  label: string
  /** Coherent unit of the values, "W". */
  unit: string
  t: number[]
  avg: Column
  /** Least and greatest of each bucket, drawn as a band. */
  min?: Column | undefined
  max?: Column | undefined
  /** Drawn pale and dashed: the period before, an estimate, a forecast. */
  faint?: boolean
}

/** Lines on one axis: times, then for each line max, min, avg or avg alone. */
export function aligned(lines: readonly Line[]): uPlot.AlignedData {
  const tables = lines.map((l): uPlot.AlignedData => (l.min && l.max ? [l.t, l.max, l.min, l.avg] : [l.t, l.avg]))
  const first = tables[0]
  if (!first) return [[], []]
  if (tables.every((x) => sameTimes(x[0] as number[], first[0] as number[]))) {
    return [first[0], ...tables.flatMap((x) => x.slice(1) as Column[])] as uPlot.AlignedData
  }
  // What one line does not know at times of another is bridged (undefined),
  // what it says it does not know is a gap (null).
  return uPlot.join(tables, tables.map((x) => x.map(() => 2)))
}

/** Series of one hierarchy have the same ticks: to see that is cheaper than to join them. */
function sameTimes(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false
  return true
}

export interface Summary {
  min: number | null
  max: number | null
  last: number | null
  points: number
}

/** The least, greatest and newest value between two moments. */
export function summary(l: Line, from: number, to: number): Summary {
  const out: Summary = { min: null, max: null, last: null, points: 0 }
  summarise(out, l, place(l.t, from), after(l.t, to))
  return out
}

/** Adds the points from one place up to another, which come behind those that were added. */
export function summarise(out: Summary, l: Line, begin: number, end: number): void {
  for (let i = begin; i < end; i++) {
    const avg = l.avg[i] ?? null
    const lo = l.min?.[i] ?? avg
    const hi = l.max?.[i] ?? avg
    if (lo !== null && (out.min === null || lo < out.min)) out.min = lo
    if (hi !== null && (out.max === null || hi > out.max)) out.max = hi
    if (avg !== null) {
      out.last = avg
      out.points++
    }
  }
}

/** The first place in ascending times that is not before a moment; their number when all are. */
export function place(t: readonly number[], at: number): number {
  let lo = 0
  let hi = t.length
  while (lo < hi) {
    const mid = (lo + hi) >> 1
    if ((t[mid] ?? 0) < at) lo = mid + 1
    else hi = mid
  }
  return lo
}

/** The place behind the last that is not after a moment. */
export function after(t: readonly number[], at: number): number {
  let i = place(t, at)
  while (t[i] === at) i++
  return i
}

/** The place in ascending times that lies nearest; -1 when there is none. */
export function nearest(t: readonly number[], at: number): number {
  const i = Math.min(place(t, at), t.length - 1)
  const before = t[i - 1]
  return before !== undefined && at - before < (t[i] ?? 0) - at ? i - 1 : i
}
