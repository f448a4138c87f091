// The stretch of time that is looked at. It follows the clock, or stands
// still; it is kept in the address, so that a link shows the same.

import { away, startOf, type Unit } from './zone'

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
  if (s.from !== undefined && s.to !== undefined && Number.isFinite(from) && Number.isFinite(to) && to - from >= least && to - from <= most) return { from, to }
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

/**
 * The stretch before that it is compared with: the one of equal length that
 * ends where it begins (of a calendar month the month before), the same
 * weekdays a week before, or the same dates a year before.
 */
export function before(s: { from: number; to: number }, kind: Before, zone: string): { from: number; to: number } {
  if (kind === 'week') return { from: away(s.from, zone, { days: -7 }), to: away(s.to, zone, { days: -7 }) }
  if (kind === 'year') return { from: away(s.from, zone, { years: -1 }), to: away(s.to, zone, { years: -1 }) }
  for (const unit of ['year', 'month', 'week', 'day'] as const) {
    const c = calendar(unit, s.from, zone)
    if (c.from === s.from && c.to === s.to) return calendar(unit, s.from, zone, -1)
  }
  return { from: s.from - (s.to - s.from), to: s.from }
}
