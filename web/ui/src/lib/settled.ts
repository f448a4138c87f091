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
