// A chart that is not one over time: Sankey, heat map, pie, bars. ECharts is
// loaded when the first one is drawn. Colours come from the tokens.

import { useEffect, useRef, useState } from 'react'
import { useTokens, type Tokens } from './colour'
import type { EChartsCoreOption, EChartsType } from './echarts'
import classes from './Figure.module.css'

export interface FigureProps {
  /** What to draw; must be memoised by whoever makes it. */
  option: (tokens: Tokens) => EChartsCoreOption
  /** What is drawn, with its main figures, for those who cannot see it. */
  label: string
  height: number
  /** A part was chosen: what its data has as `id`. */
  onPick?: (id: string) => void
  /** Draws itself into this, for export. */
  canvas?: (get: (() => HTMLCanvasElement | undefined) | undefined) => void
}

export function Figure({ option, label, height, onPick, canvas }: FigureProps) {
  const tokens = useTokens()
  const host = useRef<HTMLDivElement>(null)
  const [chart, setChart] = useState<EChartsType>()
  const pick = useRef(onPick)
  useEffect(() => {
    pick.current = onPick
  })

  useEffect(() => {
    const el = host.current
    if (!el) return
    let made: EChartsType | undefined
    let gone = false
    const size = new ResizeObserver(() => made?.resize())
    void import('./echarts').then(({ init }) => {
      if (gone) return
      made = init(el, null, { renderer: 'canvas' })
      made.on('click', (e) => {
        const d: unknown = e.data
        if (typeof d === 'object' && d !== null && 'id' in d && typeof d.id === 'string') pick.current?.(d.id)
      })
      size.observe(el)
      setChart(made)
    })
    return () => {
      gone = true
      size.disconnect()
      made?.dispose()
      setChart(undefined)
    }
  }, [])

  // The first picture is drawn at once; what changes in one that is out of sight waits until it is looked at.
  const seen = useRef(true)
  const late = useRef<() => void>(undefined)
  const coloured = useRef<Tokens>(undefined)
  useEffect(() => {
    const el = host.current
    if (!chart || !el) return
    const draw = () => {
      late.current?.()
      late.current = undefined
    }
    const watch = new IntersectionObserver((es) => {
      seen.current = es.at(-1)?.isIntersecting ?? true
      if (seen.current) draw()
    }, { rootMargin: '200px 0px' })
    watch.observe(el)
    window.addEventListener('beforeprint', draw)
    return () => {
      watch.disconnect()
      window.removeEventListener('beforeprint', draw)
      seen.current = true
    }
  }, [chart])
  useEffect(() => {
    if (!chart) return
    late.current = () => {
      chart.setOption({ animation: false, textStyle: { fontFamily: tokens.font, color: tokens.ink }, ...option(tokens) }, { notMerge: true })
    }
    // Other colours are never late.
    if (!seen.current && coloured.current === tokens) return
    coloured.current = tokens
    late.current()
    late.current = undefined
  }, [chart, option, tokens])

  useEffect(() => {
    if (!chart || !canvas) return
    canvas(() => host.current?.querySelector('canvas') ?? undefined)
    return () => canvas(undefined)
  }, [chart, canvas])

  return <div ref={host} role="img" aria-label={label} data-testid="figure" data-ready={chart !== undefined} style={{ height }} className={classes.figure} data-picks={onPick !== undefined} />
}
