// What is compared: charts with their series, as short text in an address,
// and how lines are laid beside one another.

import type { Line } from '../chart/lines'
import type { Before } from './span'

export interface Pick {
  kind: 'sensor' | 'group'
  id: string
}

/** One chart. */
export interface Drawn {
  series: readonly Pick[]
  /** Stretches before that are drawn, too. */
  before: readonly Before[]
  /** The first series less the second. */
  difference: boolean
}

export type Selection = readonly Drawn[]

export const mostCharts = 12
/** Different series of all charts. */
export const mostSeries = 50

const letters: Record<Before, string> = { previous: 'p', week: 'w', year: 'y' }
export const befores: readonly Before[] = ['previous', 'week', 'year']

export const blank: Drawn = { series: [], before: [], difference: false }

/** Of an identifier only what an address leaves as it is; the rest by its UTF-16 units: _ and two digits, or __ and four. */
function written(id: string): string {
  let out = ''
  for (let i = 0; i < id.length; i++) {
    const ch = id[i] ?? ''
    const unit = id.charCodeAt(i)
    if (/[A-Za-z0-9-]/.test(ch)) out += ch
    else if (unit < 0x100) out += `_${unit.toString(16).padStart(2, '0')}`
    else out += `__${unit.toString(16).padStart(4, '0')}`
  }
  return out
}

function read(s: string): string | undefined {
  if (!/^(?:[A-Za-z0-9-]|_[0-9a-f]{2}|__[0-9a-f]{4})+$/.test(s)) return undefined
  return s.replace(/__([0-9a-f]{4})|_([0-9a-f]{2})/g, (_, four: string | undefined, two: string | undefined) => String.fromCharCode(parseInt(four ?? two ?? '', 16)))
}

/** The name of a series in an address; no two have the same. */
export const code = (p: Pick): string => `${p.kind === 'group' ? 'g' : 's'}${written(p.id)}`

/**
 * A selection as text: charts with * between them, each of c, its options
 * (p previous, w week, y year before, d difference) and its series behind
 * dots. Only characters that need no escape in an address.
 */
export function encode(selection: Selection): string {
  return selection
    .map((c) => [`c${befores.filter((b) => c.before.includes(b)).map((b) => letters[b]).join('')}${c.difference ? 'd' : ''}`, ...c.series.map(code)].join('.'))
    .join('*')
}

/** Reads what encode wrote; what makes no sense is left out. */
export function decode(s: string): Selection {
  const out: Drawn[] = []
  const all = new Set<string>()
  for (const part of s.split('*')) {
    const [options = '', ...names] = part.split('.')
    if (!/^c[pwyd]*$/.test(options) || out.length === mostCharts) continue
    const series: Pick[] = []
    const here = new Set<string>()
    for (const n of names) {
      const id = read(n.slice(1))
      if (id === undefined || (n[0] !== 's' && n[0] !== 'g') || here.has(n)) continue
      if (!all.has(n) && all.size === mostSeries) continue
      all.add(n)
      here.add(n)
      series.push({ kind: n[0] === 'g' ? 'group' : 'sensor', id })
    }
    out.push({ series, before: befores.filter((b) => options.includes(letters[b])), difference: options.includes('d') })
  }
  return out
}

/** Every series once, in the order in which they come first. */
export function everything(selection: Selection): Pick[] {
  const seen = new Map<string, Pick>()
  for (const c of selection) for (const p of c.series) if (!seen.has(code(p))) seen.set(code(p), p)
  return [...seen.values()]
}

const same = (a: Pick, b: Pick) => a.kind === b.kind && a.id === b.id

/** Changes one chart. */
export function change(selection: Selection, chart: number, f: (c: Drawn) => Drawn): Selection {
  return selection.map((c, i) => (i === chart ? f(c) : c))
}

/** Puts a series into a chart, or takes it out. */
export function toggle(selection: Selection, chart: number, p: Pick): Selection {
  return change(selection, chart, (c) => ({ ...c, series: c.series.some((x) => same(x, p)) ? c.series.filter((x) => !same(x, p)) : [...c.series, p] }))
}

/** Moves a series before the place it is to have; behind the last chart a new one is made. */
export function moveSeries(selection: Selection, from: { chart: number; at: number }, to: { chart: number; at: number }): Selection {
  const p = selection[from.chart]?.series[from.at]
  if (!p) return selection
  const whole = to.chart >= selection.length ? [...selection, blank] : selection
  const chart = Math.min(to.chart, whole.length - 1)
  return whole.map((c, i) => {
    if (i !== from.chart && i !== chart) return c
    let at = to.at
    const series = [...c.series]
    if (i === from.chart) {
      series.splice(from.at, 1)
      if (i === chart && at > from.at) at--
    }
    if (i === chart && !series.some((x) => same(x, p))) series.splice(Math.max(0, Math.min(at, series.length)), 0, p)
    return { ...c, series }
  })
}

/** Moves a chart up or down. */
export function moveChart(selection: Selection, chart: number, by: number): Selection {
  const out = [...selection]
  const [c] = out.splice(chart, 1)
  if (!c) return selection
  out.splice(Math.max(0, Math.min(out.length, chart + by)), 0, c)
  return out
}

interface Points {
  t: readonly number[]
  avg: readonly (number | null)[]
}

/** The values that hold at ascending times: the last one before, for as long as `gap` ms; null where nothing is known. */
export function held(l: Points, times: readonly number[], gap: number): (number | null)[] {
  let i = -1
  return times.map((at) => {
    while (i + 1 < l.t.length && (l.t[i + 1] ?? 0) <= at) i++
    const t = l.t[i]
    return t === undefined || at - t > gap ? null : (l.avg[i] ?? null)
  })
}

/** One line less another, at all times of both; null where one of them is unknown. */
export function subtract(a: Points, b: Points, gapA: number, gapB: number): { t: number[]; avg: (number | null)[] } {
  const t = [...new Set([...a.t, ...b.t])].sort((x, y) => x - y)
  const va = held(a, t, gapA)
  const vb = held(b, t, gapB)
  return {
    t,
    avg: t.map((_, i) => {
      const x = va[i] ?? null
      const y = vb[i] ?? null
      return x === null || y === null ? null : x - y
    }),
  }
}

/** A line at other times. Of an hour that was there twice, the first is drawn; one that was not there stays empty. */
export function shifted(l: Line, to: (t: number) => number | undefined): Line {
  const out: Line = { ...l, t: [], avg: [], ...(l.min ? { min: [] } : {}), ...(l.max ? { max: [] } : {}) }
  const push = (at: number, i: number) => {
    out.t.push(at)
    out.avg.push(l.avg[i] ?? null)
    out.min?.push(l.min?.[i] ?? null)
    out.max?.push(l.max?.[i] ?? null)
  }
  let last: { t: number; at: number } | undefined
  l.t.forEach((t, i) => {
    const at = to(t)
    if (at === undefined || (last !== undefined && at <= last.at)) return
    // The clock was put back in between: nothing was in the hour that is new.
    if (last !== undefined && at - last.at > t - last.t) push(last.at + (t - last.t), -1)
    push(at, i)
    last = { t, at }
  })
  return out
}

export interface Correlation {
  /** Pearson's r, -1 to 1; null with less than three quarters of an hour, or when one of both does not move. */
  r: number | null
  /** Quarters of an hour that are known of both. */
  n: number
}
