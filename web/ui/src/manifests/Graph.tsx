// The graph of a manifest: nodes in layers, data between them. It is edited by
// mouse (a line is drawn from the port of one node to another) and by the
// keyboard (arrows go along the data, C takes a line, Enter puts it down).

import { useLingui } from '@lingui/react/macro'
import { VisuallyHidden } from '@mantine/core'
import { IconAlertTriangle, IconCpu, IconDatabaseExport, IconPlugConnected, IconX } from '@tabler/icons-react'
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react'
import { canConnect, neighbour, type Graph as Drawn, type GraphEdge, type GraphNode } from '../lib/manifest'
import classes from './Graph.module.css'

const width = 166
const height = 62
const gapX = 66
const gapY = 26
const margin = 16

export interface NodeWords {
  title: string
  /** Type of a processor, protocol of a source. */
  below: string
  /** What is wrong with it, in a sentence. */
  wrong?: string | undefined
  /** How it is: running, degraded. */
  state?: 'good' | 'bad' | 'quiet' | undefined
}

export interface GraphProps {
  graph: Drawn
  label: string
  words: (n: GraphNode) => NodeWords
  /** What goes over an edge: "12/s". */
  flow: (e: GraphEdge) => string | undefined
  chosen: string | undefined
  may: boolean
  onChoose: (key: string | undefined) => void
  onConnect: (from: GraphNode, to: GraphNode) => void
  onDisconnect: (from: GraphNode, to: GraphNode) => void
  onRemove: (n: GraphNode) => void
}

const left = (n: GraphNode) => margin + n.layer * (width + gapX)
const top = (n: GraphNode) => margin + n.row * (height + gapY)

/** A line from the right side of one node to the left side of another; one that goes back goes around. */
function path(a: { x: number; y: number }, b: { x: number; y: number }): string {
  const bend = Math.max(36, Math.abs(b.x - a.x) / 2)
  return `M${a.x},${a.y} C${a.x + bend},${a.y} ${b.x - bend},${b.y} ${b.x},${b.y}`
}

export function Graph({ graph, label, words, flow, chosen, may, onChoose, onConnect, onDisconnect, onRemove }: GraphProps) {
  const { t } = useLingui()
  const host = useRef<HTMLDivElement>(null)
  /** Where a line begins that is being drawn, and where its end is. */
  const [taken, setTaken] = useState<{ from: string; at: { x: number; y: number } | undefined }>()
  const [focused, setFocused] = useState<string>()
  const [said, setSaid] = useState('')
  const nodes = new Map(graph.nodes.map((n) => [n.key, n]))
  const w = 2 * margin + graph.layers * width + Math.max(0, graph.layers - 1) * gapX
  const h = 2 * margin + graph.rows * height + Math.max(0, graph.rows - 1) * gapY
  const stop = focused !== undefined && nodes.has(focused) ? focused : chosen !== undefined && nodes.has(chosen) ? chosen : graph.nodes[0]?.key
  const begin = taken && nodes.get(taken.from)
  const name = (n: GraphNode) => words(n).title

  const focus = (key: string | undefined) => {
    if (key === undefined) return
    setFocused(key)
    const el = host.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(key)}"]`)
    el?.focus()
    el?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }
  useEffect(() => {
    if (!taken) return
    const leave = (e: globalThis.KeyboardEvent) => {
      if (e.key === 'Escape') setTaken(undefined)
    }
    window.addEventListener('keydown', leave)
    return () => window.removeEventListener('keydown', leave)
  }, [taken])

  const put = (to: GraphNode) => {
    if (!begin) return
    setTaken(undefined)
    if (!canConnect(begin, to)) {
      setSaid(t`No data can go from ${name(begin)} to ${name(to)}.`)
      return
    }
    if (graph.edges.some((e) => e.from === begin.key && e.to === to.key)) {
      onDisconnect(begin, to)
      setSaid(t`${name(to)} no longer takes from ${name(begin)}.`)
    } else {
      onConnect(begin, to)
      setSaid(t`${name(to)} takes from ${name(begin)} now.`)
    }
  }

  const onKeyDown = (e: KeyboardEvent, n: GraphNode) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return
    const arrows = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' } as const
    const arrow = e.key in arrows ? arrows[e.key as keyof typeof arrows] : undefined
    if (arrow) focus(neighbour(graph, n.key, arrow))
    else if (e.key === 'Home') focus(graph.nodes[0]?.key)
    else if (e.key === 'End') focus(graph.nodes.at(-1)?.key)
    else if (e.key === 'Enter' || e.key === ' ') {
      if (taken) put(n)
      else onChoose(n.key)
    } else if (e.key.toLowerCase() === 'c' && may && n.kind !== 'sink') {
      setTaken({ from: n.key, at: undefined })
      setSaid(t`Choose with the arrows where the data of ${name(n)} goes, then Enter; Escape leaves it.`)
    } else if ((e.key === 'Delete' || e.key === 'Backspace') && may) onRemove(n)
    else return
    e.preventDefault()
  }

  /** Where the pointer is, in the graph. */
  const spot = (e: PointerEvent) => {
    const box = host.current?.querySelector('[data-plane]')?.getBoundingClientRect()
    return { x: e.clientX - (box?.left ?? 0), y: e.clientY - (box?.top ?? 0) }
  }
  const under = (e: PointerEvent) => {
    const key = document.elementFromPoint(e.clientX, e.clientY)?.closest<HTMLElement>('[data-node]')?.dataset.node
    return key === undefined ? undefined : nodes.get(key)
  }

  return (
    <div ref={host} className={classes.host}>
      <div className={classes.scroll} tabIndex={-1}>
        <div
          data-plane="" className={classes.plane} role="group" aria-label={label} style={{ width: w, height: h }}
          onClick={(e) => e.target === e.currentTarget && onChoose(undefined)}
        >
          <svg className={classes.lines} width={w} height={h} aria-hidden="true">
            <defs>
              <marker id="ww-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
                <path d="M0,0 L8,4 L0,8 z" />
              </marker>
            </defs>
            {graph.edges.map((e) => {
              const a = nodes.get(e.from)
              const b = nodes.get(e.to)
              if (!a || !b) return null
              const own = chosen === a.key || chosen === b.key
              return <path key={e.key} className={classes.line} data-own={own} data-flows={flow(e) !== undefined} markerEnd="url(#ww-arrow)" d={path({ x: left(a) + width, y: top(a) + height / 2 }, { x: left(b) - 3, y: top(b) + height / 2 })} />
            })}
            {begin && taken.at && <path className={classes.line} data-own="true" data-drawn="true" d={path({ x: left(begin) + width, y: top(begin) + height / 2 }, taken.at)} />}
          </svg>
          {graph.edges.map((e) => {
            const a = nodes.get(e.from)
            const b = nodes.get(e.to)
            if (!a || !b) return null
            const rate = flow(e)
            const x = (left(a) + width + left(b)) / 2
            const y = (top(a) + top(b) + height) / 2
            if (rate === undefined && !may) return null
            return (
              <span key={e.key} className={classes.onLine} style={{ left: x, top: y }}>
                {rate !== undefined && <span className={`${classes.rate ?? ''} ww-number`} title={t`From ${name(a)} to ${name(b)}`}>{rate}</span>}
                {may && (
                  <button type="button" tabIndex={-1} className={classes.cut} aria-label={t`Disconnect ${name(a)} from ${name(b)}`} onClick={() => onDisconnect(a, b)}>
                    <IconX size={12} aria-hidden="true" />
                  </button>
                )}
              </span>
            )
          })}
          {graph.nodes.map((n) => {
            const x = words(n)
            const into = graph.edges.filter((e) => e.to === n.key).map((e) => nodes.get(e.from)).flatMap((o) => (o ? [name(o)] : []))
            const Icon = n.kind === 'source' ? IconPlugConnected : n.kind === 'sink' ? IconDatabaseExport : IconCpu
            const kind = n.kind === 'source' ? t`Source` : n.kind === 'sink' ? t`Sink` : t`Processor`
            const fits = begin !== undefined && canConnect(begin, n)
            return (
              <div key={n.key} className={classes.place} style={{ left: left(n), top: top(n), width, height }}>
                <button
                  type="button" data-node={n.key} data-kind={n.kind} data-wrong={x.wrong !== undefined} data-state={x.state} data-fits={fits} className={classes.node}
                  tabIndex={n.key === stop ? 0 : -1} aria-pressed={n.key === chosen}
                  onFocus={() => setFocused(n.key)}
                  onKeyDown={(e) => onKeyDown(e, n)}
                  onClick={() => (taken ? put(n) : onChoose(n.key))}
                >
                  <Icon size={18} stroke={1.6} aria-hidden="true" />
                  <span className={classes.words}>
                    <span className={classes.title}>
                      <VisuallyHidden component="span">{kind} </VisuallyHidden>
                      {x.title}
                      <VisuallyHidden component="span">;</VisuallyHidden>
                    </span>
                    <span className={classes.below}>
                      {x.below}
                      <VisuallyHidden component="span">
                        {into.length > 0 && `; ${t`takes from ${into.join(', ')}`}`}
                        {x.wrong !== undefined && `; ${x.wrong}`}
                      </VisuallyHidden>
                    </span>
                  </span>
                  {x.wrong !== undefined && <IconAlertTriangle size={16} aria-hidden="true" className={classes.bad} />}
                </button>
                {may && n.kind !== 'sink' && (
                  <span
                    className={classes.port} title={t`Drag to where the data goes`} aria-hidden="true" data-port={n.key}
                    onPointerDown={(e) => {
                      e.preventDefault()
                      e.currentTarget.setPointerCapture(e.pointerId)
                      setTaken({ from: n.key, at: spot(e) })
                    }}
                    onPointerMove={(e) => taken?.at && setTaken({ from: n.key, at: spot(e) })}
                    onPointerUp={(e) => {
                      const to = under(e)
                      if (to) put(to)
                      else setTaken(undefined)
                    }}
                    onPointerCancel={() => setTaken(undefined)}
                  />
                )}
              </div>
            )
          })}
        </div>
      </div>
      <p className={classes.said} role="status">
        {said}
      </p>
    </div>
  )
}
