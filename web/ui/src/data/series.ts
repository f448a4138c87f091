// The values of sensors and groups over the span of a page: from the server,
// reduced to what the width can show, and going on with the live stream.

import { keepPreviousData, useQueries, useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { api, type Column } from '../api/client'
import type { RangeOutputBody } from '../api/generated/types.gen'
import { groupMeans } from '../api/series'
import { afterMissing, live } from '../api/live'
import type { Line } from '../chart/lines'
import { unitFor, valuesFor, type OwnUnit } from '../lib/own'
import { lengths, isLive } from '../lib/span'
import { Series, type Columns } from '../lib/series'
import type { Means } from '../lib/settled'
import { bucketed } from '../lib/steps'
import type { View } from '../shell/span'

/** Where a line comes from. */
export type Source =
  | { kind: 'sensor'; id: string; label: string; unit: string; own?: OwnUnit | undefined; gap: number }
  | { kind: 'group'; hierarchy: string; id: string; column: Column; label: string; unit: string; gap: number }

/** Lines, and the stretch that is in view when they are drawn. */
export interface Drawn {
  lines: Line[]
  from: number
  to: number
}

export interface FeedAnswer {
  /** What is drawn; useDrawn follows it. */
  feed: Feed
  isPending: boolean
  isPlaceholderData: boolean
  error: Error | null
  refetch: () => void
}

export interface SeriesAnswer extends Omit<FeedAnswer, 'feed'>, Drawn {}

/** Live values are drawn in up to spans of this length; longer ones are asked for again now and then, ms. */
const drawnLive = 24 * 3_600_000
const points = 900
const quarter = 900_000

interface Answer {
  range: RangeOutputBody
  /** Of a group: what is settled of the time before its first tick. */
  before: Means | undefined
  from: number
  to: number
}

const keyOf = (s: Source) => (s.kind === 'group' ? `g\t${s.hierarchy}\t${s.id}\t${s.column}` : `s\t${s.id}`)

/** Lines of up to some dozens of sources. A new array of lines whenever something in it changed. */
export function useSeries(sources: readonly Source[], view: View): SeriesAnswer {
  const { feed, ...answer } = useFeed(sources, view)
  return { ...answer, ...useDrawn(feed, view) }
}

/** What a feed draws now; whoever calls this is drawn anew with it. */
export function useDrawn(feed: Feed, view: View): Drawn {
  const { lines, at } = useSyncExternalStore(feed.subscribe, feed.shown)
  if (!isLive(view.span)) return { lines, from: view.from, to: view.to }
  // The page goes on with the clock in larger steps than its charts.
  const to = Math.max(view.to, at)
  return { lines, from: to - lengths[view.span.live], to }
}

/** The same, for a page that is not to be drawn anew with every tick. */
export function useFeed(sources: readonly Source[], view: View): FeedAnswer {
  const length = isLive(view.span) ? lengths[view.span.live] : undefined
  const follows = length !== undefined && length <= drawnLive
  const fixed = isLive(view.span) ? undefined : view.span

  const asked = useQueries({
    queries: sources.map((s) => ({
      queryKey: ['series', keyOf(s), length ?? 0, fixed?.from ?? 0, fixed?.to ?? 0],
      queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Answer> => {
        const to = fixed?.to ?? Date.now()
        const from = fixed?.from ?? to - (length ?? 0)
        const b = bucketed({ from, to }, points)
        if (s.kind === 'sensor') return { range: await api.sensorRange(s.id, b.from, b.to, b.points, signal), before: undefined, from, to }
        const range = await api.range(s.id, s.column, b.from, b.to, b.points, signal)
        // Ticks begin when the program first ran; imported readings are older.
        const first = Math.min(range.t?.[0] ?? to, to)
        const before = first - from < quarter ? undefined : await groupMeans(s, { from, to: first }, signal)
        return { range, before, from, to }
      },
      staleTime: fixed ? 60_000 : Infinity,
      // Nothing came behind it while nobody drew it.
      refetchOnMount: fixed ? true : 'always',
      gcTime: 60_000,
      placeholderData: keepPreviousData,
      refetchInterval: () => (length === undefined ? (fixed && fixed.to > Date.now() - 60_000 ? 60_000 : false) : follows ? Math.max(300_000, length / 12) : 60_000),
      retry: 1,
    })),
  })

  const names = sources.map((s) => `${keyOf(s)}\t${s.label}\t${s.unit}\t${s.kind === 'sensor' ? unitFor(s) : ''}\t${s.gap}`).join('\n')
  const stamp = asked.map((a) => a.dataUpdatedAt).join()
  const feed = useMemo(
    () => new Feed(sources, asked.map((a) => a.data), follows ? length : undefined),
    // The sources and answers are known by their names and times.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [names, stamp, follows, length],
  )

  const wantedSensors = sources.filter((s) => s.kind === 'sensor').map((s) => s.id).join('\n')
  const wantedGroups = sources.filter((s) => s.kind === 'group').map((s) => s.id).join('\n')
  useEffect(() => {
    if (!follows) return
    return live.follow({ sensors: wantedSensors === '' ? [] : wantedSensors.split('\n'), groups: wantedGroups === '' ? [] : wantedGroups.split('\n') })
  }, [follows, wantedSensors, wantedGroups])

  const client = useQueryClient()
  useEffect(() => {
    if (!follows) return
    return live.subscribe(afterMissing, () => void client.invalidateQueries({ predicate: ({ queryKey: [what, , length] }) => what === 'series' && length !== 0 }))
  }, [follows, client])

  return {
    feed,
    isPending: asked.some((a) => a.isPending),
    isPlaceholderData: asked.some((a) => a.isPlaceholderData),
    error: asked.find((a) => a.error !== null)?.error ?? null,
    refetch: () => asked.forEach((a) => void a.refetch()),
  }
}

/** A span is about so wide, px: lines are drawn anew when a pixel's worth of time has passed. */
const wide = 1500

/** The series of each answer, with the live values behind it: another feed of the same answer goes on with them. */
const grown = new WeakMap<Answer, Series>()

function seriesOf(a: Answer, step: number, gap: number): Series {
  let s = grown.get(a)
  if (s?.gap !== gap) {
    s = new Series(step, gap)
    s.load(a.range)
    grown.set(a, s)
  }
  return s
}

/** What the server sent, and live values behind it. Lines are drawn anew when that can be seen, at most once a second. */
export class Feed {
  private readonly parts: { source: Source; series: Series; step: number; before: Means | undefined }[]
  private drawn: { lines: Line[]; at: number }
  private frame = 0
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    sources: readonly Source[],
    answers: readonly (Answer | undefined)[],
    private readonly length: number | undefined,
  ) {
    this.parts = sources.map((source, i) => {
      const a = answers[i]
      const step = a ? Math.max(1, a.range.step ?? 1000) : 1000
      const gap = Math.max(4 * step, source.gap)
      const series = a ? seriesOf(a, step, gap) : new Series(step, gap)
      return { source, series, step, before: a?.before }
    })
    this.drawn = { lines: this.draw(), at: Math.max(0, ...answers.map((a) => a?.to ?? 0)) }
  }

  /** The lines as they were drawn last, and when, ms. */
  readonly shown = (): { lines: Line[]; at: number } => this.drawn

  readonly subscribe = (listener: () => void): (() => void) => {
    const { length } = this
    if (length === undefined) return () => undefined
    const pace = Math.max(1000, length / wide)
    let shown = 0
    const show = () => {
      this.frame = 0
      shown = Date.now()
      this.drawn = { lines: this.draw(), at: shown }
      listener()
    }
    const ask = () => {
      clearTimeout(this.timer)
      this.timer = undefined
      if (this.frame === 0) this.frame = requestAnimationFrame(show)
    }
    // A tick comes each second, a little earlier or later.
    const due = () => {
      const wait = shown + pace - 100 - Date.now()
      if (wait <= 0) ask()
      else this.timer ??= setTimeout(ask, wait)
    }
    const take = (p: (typeof this.parts)[number]) => {
      const s = p.source
      if (s.kind === 'group') {
        const v = live.final(s.hierarchy, s.id)
        if (v) p.series.add(v.t, s.column === 'meter' ? v.meter : v.sum)
      } else {
        const v = live.sensor(s.id)
        if (v) p.series.add(v.t, v.value)
      }
      p.series.drop(Date.now() - length - 2 * p.step)
      due()
    }
    const stops = this.parts.map((p) => live.subscribe(p.source.kind === 'group' ? `f\n${p.source.hierarchy}` : `s\n${p.source.id}`, () => take(p)))
    this.parts.forEach(take)
    return () => {
      stops.forEach((stop) => stop())
      cancelAnimationFrame(this.frame)
      clearTimeout(this.timer)
      this.timer = undefined
      this.frame = 0
    }
  }

  private draw(): Line[] {
    return this.parts.map(({ source, series, before }) => {
      const c = joined(before, series.columns())
      const own = (column: typeof c.avg) => (source.kind === 'sensor' ? valuesFor(source, column) : column)
      return { key: source.id, label: source.label, unit: source.kind === 'sensor' ? unitFor(source) : source.unit, t: c.t, avg: own(c.avg), min: own(c.min), max: own(c.max) }
    })
  }
}

/** Means of windows, and behind them what came tick by tick; between both nothing is drawn. */
function joined(before: Means | undefined, c: Columns): Columns {
  const n = before?.t.length ?? 0
  if (!before || n === 0) return c
  const gap = c.t[0] === undefined || before.end < c.t[0]
  const none = gap ? [null] : []
  return { t: [...before.t, ...(gap ? [before.end] : []), ...c.t], min: [...before.mean, ...none, ...c.min], avg: [...before.mean, ...none, ...c.avg], max: [...before.mean, ...none, ...c.max] }
}
