// Settled windows as columns of a chart, and what they come to together.

import type { WindowsBody } from '../api/generated/types.gen'

type Windows = Pick<WindowsBody, 'start' | 'end' | 'amount' | 'estimated' | 'completeness' | 'settled' | 'meter'>

export interface Total {
  /** What the settled windows come to; null when nothing is known. */
  amount: number | null
  /** The part of it that was not measured in its window, 0 to 1. */
  estimated: number | null
  /** The part of the settled time that readings speak of. */
  completeness: number | null
  /** Settled windows. */
  windows: number
}

/** The amounts that count: of a group with a meter what that says. */
export function amounts(w: Windows, metered: boolean): (number | null)[] {
  return (metered ? w.meter : w.amount) ?? []
}

/** Sums up what is settled; windows that are not settled yet count for nothing. */
export function total(w: Windows, metered: boolean): Total {
  const values = amounts(w, metered)
  let amount: number | null = null
  let estimated = 0
  let known = 0
  let time = 0
  let windows = 0
  for (const [i, start] of (w.start ?? []).entries()) {
    const end = Math.min(w.end?.[i] ?? start, w.settled)
    if (end <= start) continue
    windows++
    time += end - start
    known += (w.completeness?.[i] ?? 0) * (end - start)
    const v = values[i] ?? null
    if (v === null) continue
    amount = (amount ?? 0) + v
    estimated += w.estimated?.[i] ?? 0
  }
  const size = Math.abs(amount ?? 0)
  return { amount, estimated: amount === null || metered || size === 0 ? null : Math.min(1, estimated / size), completeness: time > 0 ? known / time : null, windows }
}

/** Means of windows that follow one another, as points of a line. */
export interface Means {
  /** The middle of each window, ms. */
  t: number[]
  mean: (number | null)[]
  /** End of the last one. */
  end: number
}

const hour = 3_600_000

/** What groups took on average in the settled windows that end by `until`; where a group has a meter, what that says. Undefined when nothing is known. */
export function means(w: Pick<WindowsBody, 'start' | 'end' | 'average' | 'meter' | 'settled'>, metered: boolean, until: number): Means | undefined {
  const out: Means = { t: [], mean: [], end: 0 }
  for (const [i, start] of (w.start ?? []).entries()) {
    const end = w.end?.[i] ?? start
    if (end > Math.min(until, w.settled) || end <= start) continue
    const amount = w.meter?.[i] ?? null
    out.t.push((start + end) / 2)
    out.mean.push(metered ? (amount === null ? null : (amount * hour) / (end - start)) : (w.average?.[i] ?? null))
    out.end = end
  }
  return out.mean.some((v) => v !== null) ? out : undefined
}
