// The one chart of a quantity over time. Everything that draws one uses this,
// so that the library behind it can be changed in one place.

import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { text } from '../lib/format'
import { summary, type Columns } from '../lib/series'
import classes from './TimeChart.module.css'

export interface TimeChartProps {
  /** Columns in ms and coherent units; a new object each time they change. */
  data: Columns
  /** What is shown when nobody has zoomed in, ms. */
  from: number
  to: number
  /** Coherent unit of the values, "W". */
  unit: string
  /** IANA zone of the time axis. */
  zone: string
  /** What is drawn, for those who cannot see it. */
  label: string
  height: number
}

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

function draw(host: HTMLElement, p: TimeChartProps, hooks: { cursor: (i: number | null) => void; zoom: (zoomed: boolean) => void }): uPlot {
  const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', timeZone: p.zone })
  const seconds = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: p.zone })
  const ink = token('--ww-dim')
  const grid = token('--ww-grid')
  const line = token('--ww-power')
  const font = `12px ${getComputedStyle(document.body).fontFamily}`
  const chart = new uPlot(
    {
      width: host.clientWidth,
      height: p.height,
      ms: 1,
      padding: [10, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false, dist: 8 }, points: { size: 8, fill: line, stroke: token('--ww-card'), width: 2 } },
      scales: {
        x: { time: true },
        y: {
          range: (_u, lo, hi) => {
            if (!Number.isFinite(lo) || !Number.isFinite(hi)) return [0, 1]
            // Power is read from zero, unless it hardly moves far above it.
            const span = Math.max(hi - lo, Math.abs(hi) * 0.02, 1)
            const from = lo >= 0 ? (lo < span * 2 ? 0 : lo - span * 0.5) : lo - span * 0.1
            return [from, hi + span * 0.15]
          },
        },
      },
      axes: [
        {
          stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { show: false }, space: 70, size: 30,
          values: (_u, splits, _i, _s, incr) => splits.map((t) => (incr < 60_000 ? seconds : clock).format(t)),
        },
        { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { show: false }, size: 74, gap: 6, values: (_u, splits) => splits.map((v) => text(v, p.unit)) },
      ],
      series: [
        {},
        { label: 'max', stroke: 'transparent', width: 0, points: { show: false } },
        { label: 'min', stroke: 'transparent', width: 0, points: { show: false } },
        { label: 'avg', stroke: line, width: 1.75, points: { show: false }, spanGaps: false },
      ],
      bands: [{ series: [1, 2], fill: token('--ww-band') }],
      hooks: {
        setCursor: [(u) => hooks.cursor(u.cursor.idx ?? null)],
        setSelect: [(u) => u.select.width > 0 && hooks.zoom(true)],
      },
    },
    [[], [], [], []],
    host,
  )
  chart.over.addEventListener('dblclick', () => hooks.zoom(false))
  return chart
}

export function TimeChart(props: TimeChartProps) {
  const { data, from, to, unit, zone, label, height } = props
  const scheme = useComputedColorScheme('light')
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot>(undefined)
  const [zoomed, setZoomed] = useState(false)
  const [at, setAt] = useState<number | null>(null)

  // A canvas keeps the colours it was drawn with, so another scheme is another chart.
  useEffect(() => {
    if (!host.current) return
    const el = host.current
    const made = draw(el, { data, from, to, unit, zone, label, height }, { cursor: setAt, zoom: setZoomed })
    chart.current = made
    made.setData([data.t, data.max, data.min, data.avg], false)
    made.setScale('x', { min: from, max: to })
    const size = new ResizeObserver(() => {
      if (el.clientWidth > 0) made.setSize({ width: el.clientWidth, height })
    })
    size.observe(el)
    return () => {
      size.disconnect()
      made.destroy()
      chart.current = undefined
    }
    // New data goes in below, without drawing everything again.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [scheme, unit, zone, height])

  useEffect(() => {
    const c = chart.current
    if (!c) return
    c.batch(() => {
      c.setData([data.t, data.max, data.min, data.avg], false)
      const x = c.scales.x
      if (zoomed && x?.min !== undefined && x.max !== undefined) c.setScale('x', { min: x.min, max: x.max })
      else c.setScale('x', { min: from, max: to })
    })
  }, [data, from, to, zoomed])

  const clock = useMemo(() => new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', timeZone: zone }), [zone])
  const s = useMemo(() => summary(data), [data])
  const t = at === null ? undefined : data.t[at]
  const avg = at === null ? null : (data.avg[at] ?? null)
  const spoken = `${label}: ${data.t.length === 0 ? 'no data yet' : `now ${text(s.last, unit)}, between ${text(s.min, unit)} and ${text(s.max, unit)}`}`

  return (
    <div className={classes.frame}>
      <div className={classes.readout} aria-hidden="true">
        {t !== undefined && avg !== null && at !== null ? (
          <>
            <span>{clock.format(t)}</span>
            <strong className="ww-number">{text(avg, unit)}</strong>
            <span className="ww-number">
              {text(data.min[at], unit)} to {text(data.max[at], unit)}
            </span>
          </>
        ) : (
          <>
            <span>
              lowest <span className="ww-number">{text(s.min, unit)}</span>
            </span>
            <span>
              highest <span className="ww-number">{text(s.max, unit)}</span>
            </span>
          </>
        )}
        {zoomed && (
          <button type="button" className={classes.follow} onClick={() => setZoomed(false)} tabIndex={-1}>
            follow again
          </button>
        )}
      </div>
      <div ref={host} role="img" aria-label={spoken} data-points={data.t.length} data-testid="chart" style={{ height }} className={classes.plot} />
    </div>
  )
}
