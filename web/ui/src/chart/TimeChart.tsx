// The one chart of quantities over time. Everything that draws one uses this,
// so that the library behind it can be changed in one place.
//
// What is in view belongs to the page: the chart asks for another span when
// somebody selects, moves or zooms, and draws what it is given.

import { ActionIcon, Tooltip } from '@mantine/core'
import { IconChevronLeft, IconChevronRight, IconPlayerTrackNext, IconZoomIn, IconZoomOut } from '@tabler/icons-react'
import { useLingui } from '@lingui/react/macro'
import { memo, useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { text } from '../lib/format'
import { part, type Span } from '../lib/span'
import { clear } from '../lib/time'
import { strokes, useTokens } from './colour'
import { hands } from './hands'
import { aligned, nearest, type Line } from './lines'
import { plotOptions, type Kind, type Limit } from './plot'
import { columnWidth, Thinner } from './thin'
import classes from './TimeChart.module.css'

export interface TimeChartProps {
  /** A new array each time something in it changes. */
  lines: readonly Line[]
  /** What is in view, ms. */
  from: number
  to: number
  /** IANA zone of the time axis. */
  zone: string
  /** What is drawn, for those who cannot see it. */
  label: string
  height: number
  kind?: Kind
  limits?: readonly Limit[]
  /** Charts of the same name show one cursor. */
  sync?: string
  /** Somebody wants to see another span; without it the chart stands still. */
  onSpan?: (span: Span) => void
  /** Leads back to the clock; undefined while the view follows it. */
  onLive?: (() => void) | undefined
  /** Stands at the end of the row above the chart: its menu. */
  children?: ReactNode
}

const none: readonly Limit[] = []

/** No chart is wider, pixels of the device. */
const widest = () => Math.ceil(screen.width * devicePixelRatio)

export function TimeChart(props: TimeChartProps) {
  const { lines, from, to, zone, label, height, kind = 'line', limits = none, sync, onLive, children } = props
  const { t } = useLingui()
  const tokens = useTokens()
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot>(undefined)
  const latest = useRef(props)
  const [at, setAt] = useState<number | null>(null)
  const [hidden, setHidden] = useState<ReadonlySet<string>>(() => new Set())
  const [thinner] = useState(() => new Thinner())
  const column = columnWidth(from, to, widest())
  /** What is drawn of the lines; of bars each. */
  const drawable = useCallback((lines: readonly Line[], column: number) => aligned(kind === 'bars' ? lines : thinner.lines(lines, column)), [kind, thinner])

  useEffect(() => {
    latest.current = props
  })

  const ask = useCallback((begin: number, end: number) => {
    const { from, to, onSpan } = latest.current
    onSpan?.(part({ from, to }, begin, end, Date.now()))
  }, [])

  // A canvas keeps the colours it was drawn with, so another scheme is another chart.
  const shape = lines.map((l) => `${l.key}\t${l.of ?? ''}\t${l.label}\t${l.unit}\t${l.faint ? 1 : 0}${l.min ? 1 : 0}`).join('\n')
  useEffect(() => {
    const el = host.current
    if (!el) return
    const p = latest.current
    const seek = (begin: number, end: number) => {
      const { from, to, onSpan } = latest.current
      onSpan?.(part({ from, to }, begin, end, Date.now()))
    }
    const made = new uPlot(
      plotOptions({
        width: Math.max(el.clientWidth, 120), height, lines: p.lines, hidden, kind, zone, limits, sync, tokens,
        onCursor: setAt,
        onSelect: (a, b) => {
          const { from, to } = latest.current
          seek((a - from) / (to - from), (b - from) / (to - from))
        },
        selects: (e) => e.button === 0 && !e.shiftKey && latest.current.onSpan !== undefined,
      }),
      drawable(p.lines, columnWidth(p.from, p.to, widest())),
      el,
    )
    made.setScale('x', { min: p.from, max: p.to })
    chart.current = made
    const release = hands(made, { seek, wanted: () => latest.current.onSpan !== undefined, view: () => latest.current })
    const size = new ResizeObserver(() => {
      if (el.clientWidth > 0 && el.clientWidth !== made.width) made.setSize({ width: el.clientWidth, height })
    })
    size.observe(el)
    return () => {
      size.disconnect()
      release()
      made.destroy()
      chart.current = undefined
    }
  }, [tokens, shape, hidden, kind, zone, limits, sync, height, drawable])

  useEffect(() => {
    const c = chart.current
    if (!c) return
    const began = performance.now()
    c.batch(() => {
      c.setData(drawable(lines, column), false)
      c.setScale('x', { min: from, max: to })
    })
    // uPlot draws in a microtask of its own, which comes before this one.
    queueMicrotask(() => {
      if (host.current) host.current.dataset.ms = (performance.now() - began).toFixed(1)
    })
  }, [lines, from, to, column, drawable])

  const sums = useMemo(() => lines.map((l) => thinner.summary(l, from, to, column)), [lines, from, to, column, thinner])
  const drawn = strokes(lines.map((l) => l.of ?? l.key))
  const only = lines.length === 1 ? lines[0] : undefined
  const sum = sums[0]
  const spoken =
    only && sum
      ? sum.points === 0
        ? t`${label}: no data yet`
        : t`${label}: now ${text(sum.last, only.unit)}, between ${text(sum.min, only.unit)} and ${text(sum.max, only.unit)}`
      : t`${label}: ${lines.map((l, i) => `${l.label} ${text(sums[i]?.last, l.unit)}`).join(', ')}`

  /** The value of a line where the cursor is; null where nothing is known near it. */
  const valueAt = (l: Line): { avg: number | null; min: number | null; max: number | null } => {
    const i = at === null ? -1 : nearest(l.t, at)
    return { avg: l.avg[i] ?? null, min: l.min?.[i] ?? null, max: l.max?.[i] ?? null }
  }

  const onKeyDown = (e: KeyboardEvent) => {
    const c = chart.current
    if (!c || e.ctrlKey || e.metaKey || e.altKey) return
    const ts = c.data[0] as number[]
    const step = (n: number) => {
      const i = at === null ? (n > 0 ? nearest(ts, from) : nearest(ts, to)) : nearest(ts, at) + n
      move(Math.max(0, Math.min(ts.length - 1, i)))
    }
    const move = (i: number) => {
      const x = ts[i]
      if (x !== undefined) c.setCursor({ left: c.valToPos(x, 'x'), top: 0 })
    }
    switch (e.key) {
      case 'ArrowLeft':
        if (e.shiftKey) ask(-0.25, 0.75)
        else step(-1)
        break
      case 'ArrowRight':
        if (e.shiftKey) ask(0.25, 1.25)
        else step(1)
        break
      case 'Home':
        move(nearest(ts, from))
        break
      case 'End':
        move(nearest(ts, to))
        break
      case '+':
        ask(0.25, 0.75)
        break
      case '-':
        ask(-0.5, 1.5)
        break
      case '0':
        onLive?.()
        break
      case 'Escape':
        c.setCursor({ left: -10, top: -10 })
        break
      default:
        return
    }
    e.preventDefault()
  }

  const toggle = (key: string) => {
    const next = new Set(hidden)
    if (!next.delete(key)) next.add(key)
    setHidden(next)
  }

  const cursor = only ? valueAt(only) : undefined
  return (
    <div className={classes.frame}>
      <div className={classes.top}>
        <div className={classes.readout} aria-live="off">
          {at !== null && <span className={classes.at}>{clear(at, zone, to - from < 7_200_000 ? 'seconds' : 'moment')}</span>}
          {only &&
            (at !== null && cursor && cursor.avg !== null ? (
              <>
                <strong className="ww-number">{text(cursor.avg, only.unit)}</strong>
                {cursor.min !== null && cursor.max !== null && cursor.min !== cursor.max && (
                  <span className="ww-number">{t`${text(cursor.min, only.unit)} to ${text(cursor.max, only.unit)}`}</span>
                )}
              </>
            ) : at !== null ? (
              <span>{t`nothing known`}</span>
            ) : (
              <>
                <span className="ww-number">{t`lowest ${text(sum?.min, only.unit)}`}</span>
                <span className="ww-number">{t`highest ${text(sum?.max, only.unit)}`}</span>
              </>
            ))}
        </div>
        <div className={`${classes.tools ?? ''} ww-noprint`}>
          {props.onSpan && <Tools ask={ask} onLive={onLive} />}
          {children}
        </div>
      </div>
      <div
        ref={host}
        role="group"
        aria-roledescription={t`chart`}
        aria-label={spoken}
        aria-description={props.onSpan ? t`Arrow keys move the cursor, with Shift the chart; plus and minus zoom, 0 follows the clock.` : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
        data-points={sums.reduce((n, s) => n + s.points, 0)}
        data-testid="chart"
        style={{ height }}
        className={classes.plot}
      />
      {!only && lines.length > 0 && (
        <ul className={classes.legend} data-legend aria-label={t`Lines of the chart`}>
          {lines.map((l, i) => {
            const v = at === null ? (sums[i]?.last ?? null) : valueAt(l).avg
            return (
              <li key={`${l.key} ${l.faint ? 1 : 0}`}>
                <button type="button" aria-pressed={!hidden.has(l.key)} onClick={() => toggle(l.key)}>
                  <svg width="18" height="8" aria-hidden="true">
                    <line x1="0" x2="18" y1="4" y2="4" stroke={drawn[i]?.colour} strokeWidth="3" strokeDasharray={l.faint ? '3 3' : (drawn[i]?.dash.join(' ') ?? '')} />
                  </svg>
                  <span>{l.label}</span>
                  <span className={`ww-number ${classes.value ?? ''}`}>{text(v, l.unit)}</span>
                </button>
              </li>
            )
          })}
        </ul>
      )}
    </div>
  )
}

/** They stay as they are while values move. */
const Tools = memo(function Tools({ ask, onLive }: { ask: (begin: number, end: number) => void; onLive: (() => void) | undefined }) {
  const { t } = useLingui()
  return (
    <>
      {onLive && (
        <Tooltip label={t`Follow the clock again`}>
          <button type="button" className={classes.follow} onClick={onLive}>
            <IconPlayerTrackNext size={14} aria-hidden="true" />
            {t`Live`}
          </button>
        </Tooltip>
      )}
      <Tool name={t`Earlier`} onClick={() => ask(-0.5, 0.5)} icon={<IconChevronLeft size={17} />} />
      <Tool name={t`Later`} onClick={() => ask(0.5, 1.5)} icon={<IconChevronRight size={17} />} disabled={onLive === undefined} />
      <Tool name={t`Zoom in`} onClick={() => ask(0.25, 0.75)} icon={<IconZoomIn size={17} />} />
      <Tool name={t`Zoom out`} onClick={() => ask(-0.5, 1.5)} icon={<IconZoomOut size={17} />} />
    </>
  )
})

function Tool({ name, icon, onClick, disabled = false }: { name: string; icon: ReactNode; onClick: () => void; disabled?: boolean }) {
  return (
    <Tooltip label={name}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={name} onClick={onClick} disabled={disabled}>
        {icon}
      </ActionIcon>
    </Tooltip>
  )
}
