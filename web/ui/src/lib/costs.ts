// Energies and costs of a period of the calendar: which period it is, what
// its windows are drawn as, and how money is written.

import type { WindowsBody } from '../api/generated/types.gen'
import { calendar } from './span'
import { scaled, text, DASH } from './format'
import type { Quality } from './quality'
import { locale as chosen } from './locale'
import { wallOf, type Unit } from './zone'

export interface Period {
  unit: Unit
  from: number
  to: number
  /** As reports are asked for: 2026-10-31, 2026-W44, 2026-10, 2026. */
  text: string
}

const two = (n: number) => String(n).padStart(2, '0')

/** The period of the calendar that `at` lies in, or the one `n` away. */
export function periodAt(unit: Unit, at: number, zone: string, n = 0): Period {
  const { from, to } = calendar(unit, at, zone, n)
  const w = wallOf(from, zone)
  const year = String(w.year).padStart(4, '0')
  if (unit === 'day') return { unit, from, to, text: `${year}-${two(w.month)}-${two(w.day)}` }
  if (unit === 'month') return { unit, from, to, text: `${year}-${two(w.month)}` }
  if (unit === 'year') return { unit, from, to, text: year }
  // A week belongs to the year that has its Thursday.
  const thursday = new Date(Date.UTC(w.year, w.month - 1, w.day + 3))
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1)
  const week = Math.floor((thursday.getTime() - first) / (7 * 86_400_000)) + 1
  return { unit, from, to, text: `${String(thursday.getUTCFullYear()).padStart(4, '0')}-W${two(week)}` }
}

/** The period that a span in an address means: the one it is, else that of its length in which it begins. */
export function periodOf(span: { from: number; to: number }, zone: string): Period {
  for (const unit of ['day', 'week', 'month', 'year'] as const) {
    const p = periodAt(unit, span.from, zone)
    if (p.from === span.from && p.to === span.to) return p
  }
  const days = (span.to - span.from) / 86_400_000
  return periodAt(days <= 1.5 ? 'day' : days <= 8 ? 'week' : days <= 45 ? 'month' : 'year', span.from, zone)
}

/** Lengths of windows that a period is shown in, the usual one first. */
export const sizes = { day: ['15m', '1h'], week: ['1h', '15m', '1d'], month: ['1d', '1h'], year: ['1M', '1d'] } as const satisfies Record<Unit, readonly string[]>

export interface Bar {
  start: number
  end: number
  /** null when nothing is known. */
  amount: number | null
  /** The part of it that was not measured in the window, with its sign; null when unknown. */
  estimated: number | null
  completeness: number
  /** The worst of what it is made of. */
  quality: Quality
  /** Not settled as a whole. */
  open: boolean
}

type Windows = Pick<WindowsBody, 'start' | 'end' | 'amount' | 'estimated' | 'completeness' | 'quality' | 'settled' | 'meter'>

/**
 * The windows as bars. Of a group with a meter, what the meter says counts;
 * `meter` are the windows of the sensor it is, which know how much of that
 * is estimated.
 */
export function bars(w: Windows, metered: boolean, meter?: Windows): Bar[] {
  const start = w.start ?? []
  const amounts = (metered ? w.meter : w.amount) ?? []
  const own = metered ? meter : w
  const known = new Map((own?.start ?? []).map((s, i) => [s, i]))
  return start.map((s, i) => {
    const end = w.end?.[i] ?? s
    const amount = amounts[i] ?? null
    const j = known.get(s)
    const e = j === undefined ? null : (own?.estimated?.[j] ?? null)
    const estimated = amount === null || e === null ? null : Math.sign(amount) * Math.min(Math.abs(amount), e)
    return { start: s, end, amount, estimated, completeness: (j === undefined ? w.completeness?.[i] : own?.completeness?.[j]) ?? 0, quality: (j === undefined ? w.quality[i] : own?.quality[j]) ?? 'none', open: end > w.settled }
  })
}

/**
 * The windows of another period beside those of this one: of the same day
 * and time of day, counted from the begin of each. Of an hour that comes
 * twice both stand beside the one of the other period.
 */
export function beside(own: readonly Bar[], other: readonly Bar[], zone: string): (Bar | undefined)[] {
  const long = (own[0]?.end ?? 0) - (own[0]?.start ?? 0) > 25 * 3_600_000
  if (long) return own.map((_, i) => other[i])
  const key = (list: readonly Bar[]) => {
    const w = wallOf(list[0]?.start ?? 0, zone)
    const first = Date.UTC(w.year, w.month - 1, w.day)
    return (b: Bar) => {
      const x = wallOf(b.start, zone)
      const day = Math.round((Date.UTC(x.year, x.month - 1, x.day) - first) / 86_400_000)
      // A day can begin at 01:00.
      return b.end - b.start > 22 * 3_600_000 ? `${day}` : `${day} ${x.hour}:${x.minute}`
    }
  }
  const theirs = key(other)
  const known = new Map<string, Bar>()
  for (const b of other) {
    const k = theirs(b)
    if (!known.has(k)) known.set(k, b)
  }
  const mine = key(own)
  return own.map((b) => known.get(mine(b)))
}

/** An amount with a prefix where its unit has some: 12.3 kWh, 1,200 m³. */
export function amount(v: number | null | undefined, unit: string, locale = chosen): string {
  if (/^(W|Wh|var|varh|VA|VAh|J)$/.test(unit)) return text(v, unit, locale)
  if (v === null || v === undefined || !Number.isFinite(v)) return DASH
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }).format(v)}${unit === '' ? '' : `\u00a0${unit}`}`
}

/** The currency of emissions. */
export const grams = 'gCO2e'

/** Money, or grams of CO2, out of a decimal number. */
export function money(v: string | null | undefined, currency: string, locale = chosen): string {
  if (v === null || v === undefined || v === '' || !Number.isFinite(Number(v))) return DASH
  const n = Number(v)
  if (currency === grams) {
    if (Math.abs(n) >= 1e6) return `${new Intl.NumberFormat(locale, { maximumFractionDigits: 2 }).format(n / 1e6)}\u00a0t\u00a0CO₂e`
    const s = scaled(n, 'g', locale)
    return `${s.value}\u00a0${s.unit}\u00a0CO₂e`
  }
  try {
    return new Intl.NumberFormat(locale, { style: 'currency', currency }).format(n)
  } catch {
    return `${new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(n)}\u00a0${currency}`
  }
}

/** A decimal number of a bill, of up to so many digits behind the point. */
export function decimal(v: string | null | undefined, digits = 6, locale = chosen): string {
  if (v === null || v === undefined || v === '' || !Number.isFinite(Number(v))) return DASH
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(Number(v))
}
