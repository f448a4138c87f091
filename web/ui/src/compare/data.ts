// The lines of a page of comparisons: now, and as they were before.

import { useMemo } from 'react'
import type { Line } from '../chart/lines'
import { useSeries, type SeriesAnswer, type Source } from '../data/series'
import { code, shifted, type Pick } from '../lib/compare'
import { before, isLive, lengths, onto, type Before } from '../lib/span'
import type { View } from '../shell/span'

export interface Chosen {
  pick: Pick
  code: string
  source: Source
}

export interface Lines extends Omit<SeriesAnswer, 'lines'> {
  /** By the code of the series. */
  lines: ReadonlyMap<string, Line>
}

export function useLines(chosen: readonly Chosen[], view: View): Lines {
  const sources = useMemo(() => chosen.map((c) => c.source), [chosen])
  const { lines, ...rest } = useSeries(sources, view)
  const named = useMemo(() => new Map(lines.flatMap((l, i): [string, Line][] => (chosen[i] ? [[chosen[i].code, { ...l, key: chosen[i].code, of: l.key }]] : []))), [lines, chosen])
  return { ...rest, lines: named }
}

/** The same series as they were before, on the time axis of now. */
export function usePast(kind: Before, chosen: readonly Chosen[], view: View, zone: string): Lines {
  const live = isLive(view.span) ? lengths[view.span.live] : undefined
  // A span that follows the clock is asked for in steps, not each second.
  const pace = live === undefined ? 1 : Math.max(60_000, live / 48)
  const to = live === undefined ? view.to : Math.ceil(view.to / pace) * pace
  const from = live === undefined ? view.from : to - live - pace
  const past = useMemo(() => before({ from, to }, kind, zone, live), [live, kind, from, to, zone])
  const still = useMemo((): View => ({ span: past, ...past, live: false, set: () => undefined, follow: undefined }), [past])
  const answer = useLines(chosen, still)
  const { lines } = answer
  const move = useMemo(() => onto({ from, to }, kind, zone, live), [live, kind, from, to, zone])
  const moved = useMemo(() => new Map([...lines].map(([c, l]) => [c, shifted(l, move)])), [lines, move])
  return { ...answer, lines: moved }
}

export function keyOf(p: Pick): string {
  return `${p.kind}:${p.id}`
}

export { code }
