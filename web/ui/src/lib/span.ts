// The stretch of time that is looked at. It follows the clock, or stands
// still; it is kept in the address, so that a link shows the same.

import { away, startOf, wallOf, type Unit } from './zone'

const hour = 3_600_000
export const day = 24 * hour

/** Spans that follow the clock, by the name they have in the address. */
export const lengths = { '1h': hour, '6h': 6 * hour, '24h': day, '7d': 7 * day, '30d': 30 * day, '365d': 365 * day } as const
export type Length = keyof typeof lengths

export type Span = { live: Length } | { from: number; to: number }

/** What stands in the address: a length, or both ends in ms since 1970 UTC. */
export interface SpanSearch {
  span?: string | undefined
  from?: number | undefined
  to?: number | undefined
}

const least = 10_000
const most = 20 * 366 * day
/** Nothing is kept of other times: the server counts nanoseconds in 64 bits. */
const earliest = Date.UTC(1700, 0)
const latest = Date.UTC(2200, 0)

export function isLive(s: Span): s is { live: Length } {
  return 'live' in s
}

function isLength(s: unknown): s is Length {
  return typeof s === 'string' && s in lengths
}

/** Reads an address; what makes no sense there is left out. */
export function spanSearch(s: Record<string, unknown>): SpanSearch {
  const from = Number(s.from)
  const to = Number(s.to)
  if (s.from !== undefined && s.to !== undefined && from >= earliest && to <= latest && to - from >= least && to - from <= most) return { from, to }
  return isLength(s.span) ? { span: s.span } : {}
}

export function fromSearch(s: SpanSearch, otherwise: Length): Span {
  if (s.from !== undefined && s.to !== undefined) return { from: s.from, to: s.to }
  return { live: isLength(s.span) ? s.span : otherwise }
}

export function toSearch(s: Span): SpanSearch {
  return isLive(s) ? { span: s.live, from: undefined, to: undefined } : { span: undefined, from: Math.round(s.from), to: Math.round(s.to) }
}

export function ends(s: Span, now: number): { from: number; to: number } {
  return isLive(s) ? { from: now - lengths[s.live], to: now } : s
}

/** A part of what is shown, by where it begins and ends in it (0 to 1); beyond 0 and 1 it goes out. Not later than now. */
export function part(s: { from: number; to: number }, begin: number, end: number, now: number): Span {
  const width = s.to - s.from
  let from = s.from + begin * width
  let to = s.from + end * width
  const wanted = Math.min(most, Math.max(least, to - from))
  const middle = (from + to) / 2
  from = middle - wanted / 2
  to = middle + wanted / 2
  if (to > now) {
    from -= to - now
    to = now
  }
  return { from: Math.round(from), to: Math.round(to) }
}

/** A day, week, month or year of the calendar: the running one, or `n` away. */
export function calendar(unit: Unit, at: number, zone: string, n = 0): { from: number; to: number } {
  return { from: startOf(unit, at, zone, n), to: startOf(unit, at, zone, n + 1) }
}

/** What a span is compared with. */
export const befores = ['previous', 'week', 'year'] as const
export type Before = (typeof befores)[number]

export function readBefore(s: string | undefined): Before | undefined {
  return befores.find((k) => k === s)
}

/** The calendar's unit that a stretch is one of. */
export function unitOf(s: { from: number; to: number }, zone: string): Unit | undefined {
  return (['year', 'month', 'week', 'day'] as const).find((unit) => {
    const c = calendar(unit, s.from, zone)
    return c.from === s.from && c.to === s.to
  })
}

/**
 * The stretch before that it is compared with: the one of equal length that
 * ends where it begins (of a calendar month the month before), the same
 * weekdays a week before, or the same dates a year before. `length` is that
 * of a view that follows the clock, of which the stretch is a little more.
 */
export function before(s: { from: number; to: number }, kind: Before, zone: string, length?: number): { from: number; to: number } {
  if (kind === 'week') return { from: away(s.from, zone, { days: -7 }), to: away(s.to, zone, { days: -7 }) }
  if (kind === 'year') return { from: away(s.from, zone, { years: -1 }), to: away(s.to, zone, { years: -1 }) }
  if (length !== undefined) return { from: s.from - length, to: s.to - length }
  const unit = unitOf(s, zone)
  return unit === undefined ? { from: s.from - (s.to - s.from), to: s.from } : calendar(unit, s.from, zone, -1)
}

/**
 * The moment at which something of the stretch before is drawn in this one:
 * at the same time of day, whatever the clock did in between; undefined where
 * the clock skipped that time. Days of a month are counted from its first.
 * What is no unit of the calendar lies as far behind as it is long.
 */
export function onto(s: { from: number; to: number }, kind: Before, zone: string, length?: number): (t: number) => number | undefined {
  const unit = kind === 'previous' && length === undefined ? unitOf(s, zone) : undefined
  if (kind === 'previous' && unit === undefined) {
    const by = length ?? s.to - s.from
    return (t) => t + by
  }
  const days = Math.round((s.from - before(s, kind, zone).from) / day)
  const by = kind === 'year' || unit === 'year' ? { years: 1 } : { days }
  // Clocks change on full or half hours; what holds at the begin of one holds for all of it.
  const known = new Map<number, number | undefined>()
  return (t) => {
    const half = Math.floor(t / 1_800_000) * 1_800_000
    if (!known.has(half)) {
      const at = away(half, zone, by)
      const [was, is] = [wallOf(half, zone), wallOf(at, zone)]
      known.set(half, was.hour === is.hour && was.minute === is.minute ? at - half : undefined)
    }
    const d = known.get(half)
    return d === undefined ? undefined : t + d
  }
}
