// A stretch of a time series in columns, with buckets of equal width: what the
// server sent, and live ticks folded in behind it.

import type { RangeOutputBody } from '../api/generated/types.gen'

type Column = (number | null)[]

/** Columns as the chart draws them: times in ms; where nothing is known, null. */
export interface Columns {
  t: number[]
  min: Column
  avg: Column
  max: Column
}

export class Series {
  /** As they are drawn: with a null between points further apart than the gap, so that no line bridges it. */
  private drawn: Columns = { t: [], min: [], avg: [], max: [] }
  /** How many live ticks the last bucket has; 0 when it came from the server. */
  private inLast = 0
  /** The newest live tick; each counts once, whoever brings it. */
  private newest = -Infinity

  constructor(
    readonly step: number,
    readonly gap: number,
  ) {}

  load(r: Pick<RangeOutputBody, 't' | 'min' | 'avg' | 'max'>): void {
    this.drawn = { t: [], min: [], avg: [], max: [] }
    for (const [i, t] of (r.t ?? []).entries()) this.push(t, r.min?.[i] ?? null, r.avg?.[i] ?? null, r.max?.[i] ?? null)
    this.inLast = 0
    this.newest = -Infinity
  }

  get last(): number {
    return this.drawn.t.at(-1) ?? 0
  }

  private push(t: number, min: number | null, avg: number | null, max: number | null): void {
    const c = this.drawn
    const before = c.t.at(-1)
    if (before !== undefined && t - before > this.gap) {
      c.t.push(before + this.step)
      c.min.push(null)
      c.avg.push(null)
      c.max.push(null)
    }
    c.t.push(t)
    c.min.push(min)
    c.avg.push(avg)
    c.max.push(max)
  }

  /** Takes a live tick. Older ones than what is there are the server's business. */
  add(t: number, v: number | null): void {
    if (v === null || t === this.newest) return
    this.newest = t
    const c = this.drawn
    const bucket = Math.floor(t / this.step) * this.step
    const i = c.t.length - 1
    if (i >= 0 && t < this.last) return
    if (i >= 0 && bucket <= this.last) {
      const min = c.min[i]
      const max = c.max[i]
      const avg = c.avg[i]
      c.min[i] = min === null || min === undefined ? v : Math.min(min, v)
      c.max[i] = max === null || max === undefined ? v : Math.max(max, v)
      if (avg === null || avg === undefined) {
        c.avg[i] = v
        this.inLast = 1
      } else if (this.inLast > 0) {
        c.avg[i] = avg + (v - avg) / ++this.inLast
      }
      return
    }
    this.push(bucket, v, v, v)
    this.inLast = 1
  }

  /** Forgets what is older, once that is a fiftieth of all there is: all that is kept moves up each time. */
  drop(before: number): void {
    const c = this.drawn
    let n = 0
    while (n < c.t.length && (c.t[n] ?? 0) < before) n++
    if (n === 0 || n * 50 < c.t.length) return
    for (const x of [c.t, c.min, c.avg, c.max]) x.splice(0, n)
  }

  /** What to draw. The same columns each time, which go on as the series does: a tick costs what is new in it. */
  columns(): Columns {
    return { ...this.drawn }
  }
}

/** Energy that goes on: a known amount up to a moment, and ticks after it. */
export class Meter {
  private wh: number | null
  private at: number
  private power: number | null = null

  /** `longest` is the longest distance of two ticks that is bridged, ms. */
  constructor(
    wh: number | null,
    at: number,
    private readonly longest: number,
  ) {
    this.wh = wh
    this.at = at
  }

  /** Takes a tick; the trapezoid between two counts, gaps do not. Says whether it follows what came before without a gap. */
  add(t: number, power: number | null): boolean {
    if (t <= this.at) {
      this.power = power
      return true
    }
    const follows = t - this.at <= this.longest
    if (power !== null && follows) {
      const mean = this.power === null ? power : (power + this.power) / 2
      this.wh = (this.wh ?? 0) + (mean * (t - this.at)) / 3_600_000
    }
    this.at = t
    this.power = power
    return follows
  }

  get energy(): number | null {
    return this.wh
  }
}

/** The least, greatest and newest value of a stretch. */
export function summary(c: Columns): { min: number | null; max: number | null; last: number | null } {
  let min: number | null = null
  let max: number | null = null
  let last: number | null = null
  for (let i = 0; i < c.t.length; i++) {
    const lo = c.min[i] ?? null
    const hi = c.max[i] ?? null
    if (lo !== null && (min === null || lo < min)) min = lo
    if (hi !== null && (max === null || hi > max)) max = hi
    last = c.avg[i] ?? last
  }
  return { min, max, last }
}
