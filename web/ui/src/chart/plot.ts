// The options that make uPlot draw our charts. Nothing else knows uPlot but
// this file, lines.ts and TimeChart.tsx.

import uPlot from 'uplot'
import { axisTexts } from '../lib/format'
import { axisLabels } from '../lib/time'
import type { Tokens } from './colour'
import { strokes } from './colour'
import type { Line } from './lines'

export type Kind = 'line' | 'steps' | 'bars'

export interface Limit {
  value: number
  label: string
}

export interface PlotOptions {
  width: number
  height: number
  lines: readonly Line[]
  hidden: ReadonlySet<string>
  kind: Kind
  zone: string
  limits: readonly Limit[]
  sync: string | undefined
  tokens: Tokens
  onCursor: (at: number | null) => void
  onSelect: (from: number, to: number) => void
  /** Whether a press of the mouse begins a selection; else it moves the chart. */
  selects: (e: MouseEvent) => boolean
}

/** The scale of all lines of a unit. */
const scaleOf = (unit: string) => `y ${unit}`

/** Power is read from zero, unless it hardly moves far above it. */
function reach(kind: Kind, limits: readonly Limit[], lo: number, hi: number): [number, number] {
  // Of nothing but zeros the axis would say zero at every line.
  if (!Number.isFinite(lo) || !Number.isFinite(hi) || (lo === 0 && hi === 0)) return [0, 1]
  for (const l of limits) {
    // A limit far away would press the line flat: it shows when it is near.
    if (l.value <= hi * 1.6) hi = Math.max(hi, l.value)
  }
  const span = Math.max(hi - lo, Math.abs(hi) * 0.02, 1e-3)
  if (kind === 'bars') return [Math.min(0, lo - (lo < 0 ? span * 0.05 : 0)), Math.max(0, hi + span * 0.1)]
  const from = lo >= 0 ? (lo < span * 2 ? 0 : lo - span * 0.5) : lo - span * 0.1
  return [from, hi + span * 0.15]
}

function fade(colour: string, share: number): string {
  return `color-mix(in srgb, ${colour} ${Math.round(share * 100)}%, transparent)`
}

export function plotOptions(o: PlotOptions): uPlot.Options {
  const { tokens: k, kind } = o
  const font = `12px ${k.font}`
  const units = [...new Set(o.lines.map((l) => l.unit))]
  const drawn = strokes(o.lines.map((l) => l.of ?? l.key))
  const series: uPlot.Series[] = [{}]
  const bands: uPlot.Band[] = []
  const paths = kind === 'bars' ? uPlot.paths.bars?.({ align: 1, size: [0.86, 80], radius: 0.12 }) : kind === 'steps' ? uPlot.paths.stepped?.({ align: 1 }) : undefined
  o.lines.forEach((l, i) => {
    const stroke = drawn[i]
    const colour = o.lines.length === 1 ? k.power : (k.series[stroke?.index ?? 0] ?? k.power)
    const scale = scaleOf(l.unit)
    const show = !o.hidden.has(l.key)
    if (l.min && l.max) {
      const at = series.length
      for (const label of ['max', 'min']) series.push({ label, scale, show, stroke: 'transparent', width: 0, points: { show: false } })
      bands.push({ series: [at, at + 1], fill: o.lines.length > 8 ? 'transparent' : fade(colour, o.lines.length === 1 ? 0.18 : 0.13) })
    }
    series.push({
      label: l.label,
      scale,
      show,
      stroke: l.faint ? fade(colour, 0.75) : colour,
      width: l.faint ? 1.25 : 1.75,
      dash: l.faint ? [4, 4] : (stroke?.dash ?? []),
      ...(kind === 'bars' ? { fill: fade(colour, l.faint ? 0.25 : 0.75), width: 0 } : {}),
      ...(paths ? { paths } : {}),
      // A value alone between two gaps is a point: a line of it has no length.
      points: kind === 'line' ? { show: lonely, size: 4, fill: colour, stroke: colour } : { show: false },
      spanGaps: false,
    })
  })

  return {
    width: o.width,
    height: o.height,
    ms: 1,
    padding: [10, units.length > 1 ? 0 : 32, 0, 0], // the last time of the axis stands half beside it
    legend: { show: false },
    tzDate: (ts) => uPlot.tzDate(new Date(ts), o.zone),
    cursor: {
      y: false,
      drag: { x: true, y: false, dist: 8, setScale: false },
      points: { size: 7, width: 2 },
      ...(o.sync === undefined ? {} : { sync: { key: o.sync, setSeries: false } }),
      bind: {
        mousedown: (_u, _t, handler) => (e) => {
          if (o.selects(e)) handler(e)
          return null
        },
        dblclick: () => null,
      },
    },
    scales: {
      x: { time: true },
      ...Object.fromEntries(units.map((u) => [scaleOf(u), { range: (_s: uPlot, lo: number, hi: number) => reach(kind, o.limits, lo, hi) }])),
    },
    axes: [
      {
        stroke: k.dim,
        font,
        grid: { stroke: k.grid, width: 1 },
        ticks: { show: false },
        // A day takes more room than a time of it does.
        space: (_u, _i, from, to, width) => ((to - from) * 72 > width * 36_000_000 ? 100 : 72),
        size: 44,
        values: (_u, splits, _i, _s, incr) => axisLabels(splits, incr, o.zone),
      },
      ...units.slice(0, 2).map(
        (u, i): uPlot.Axis => ({
          scale: scaleOf(u),
          // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- an enum that exists in types alone: left and right
          side: i === 0 ? 3 : 1,
          stroke: k.dim,
          font,
          grid: { show: i === 0, stroke: k.grid, width: 1 },
          ticks: { show: false },
          size: 74,
          gap: 6,
          values: (_u, splits, _i, _s, incr) => axisTexts(splits, incr, u),
        }),
      ),
    ],
    series,
    bands,
    hooks: {
      setCursor: [(u) => o.onCursor(u.cursor.idx === null || u.cursor.idx === undefined || (u.cursor.left ?? -1) < 0 ? null : (u.data[0][u.cursor.idx] ?? null))],
      setSelect: [
        (u) => {
          if (u.select.width <= 0) return
          const from = u.posToVal(u.select.left, 'x')
          const to = u.posToVal(u.select.left + u.select.width, 'x')
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          o.onSelect(from, to)
        },
      ],
      draw: [(u) => drawLimits(u, o.limits, units[0], k)],
    },
  }
}

/** Tells whether single values stand between gaps, and where. */
function lonely(u: uPlot, seriesIdx: number, from: number, to: number, gaps?: null | number[][]): boolean {
  if (to - from > 5000) return false
  if (!gaps || gaps.length === 0) {
    const data = u.data[seriesIdx]
    let known = 0
    for (let i = from; i <= to && known < 2; i++) if (data?.[i] !== null && data?.[i] !== undefined) known++
    return known === 1
  }
  return gaps.length > 1
}

function drawLimits(u: uPlot, limits: readonly Limit[], unit: string | undefined, k: Tokens): void {
  if (unit === undefined || limits.length === 0) return
  const { ctx, bbox } = u
  ctx.save()
  ctx.strokeStyle = k.bad
  ctx.fillStyle = k.bad
  ctx.lineWidth = uPlot.pxRatio
  ctx.setLineDash([6 * uPlot.pxRatio, 4 * uPlot.pxRatio])
  ctx.font = `${12 * uPlot.pxRatio}px ${k.font}`
  ctx.textAlign = 'right'
  ctx.textBaseline = 'bottom'
  for (const l of limits) {
    const y = u.valToPos(l.value, scaleOf(unit), true)
    if (y < bbox.top || y > bbox.top + bbox.height) continue
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
    ctx.fillText(l.label, bbox.left + bbox.width - 4, y - 3)
  }
  ctx.restore()
}
