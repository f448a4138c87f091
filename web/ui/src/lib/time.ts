// Moments as people read them, in the zone of the site.

import { locale } from './locale'
import { offset, twice, wallOf } from './zone'

const cache = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${JSON.stringify(options)}`
  let f = cache.get(key)
  if (!f) {
    f = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone })
    cache.set(key, f)
  }
  return f
}

const styles = {
  /** 14:05 */
  clock: { hour: '2-digit', minute: '2-digit' },
  /** 14:05:09 */
  seconds: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  /** 28 Nov 2026 */
  date: { day: 'numeric', month: 'short', year: 'numeric' },
  /** Sat, 28 Nov */
  day: { weekday: 'short', day: 'numeric', month: 'short' },
  /** Sat */
  weekday: { weekday: 'short' },
  /** Nov 2026 */
  month: { month: 'short', year: 'numeric' },
  /** 2026 */
  year: { year: 'numeric' },
  /** 28 Nov 2026, 14:05 */
  moment: { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' },
  /** 28/11/2026, 14:05:09.250: a reading in a table */
  stamp: { day: '2-digit', month: '2-digit', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 },
  /** 28 Nov 2026, 14:05:09 CET: where it must be beyond doubt */
  exact: { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' },
} satisfies Record<string, Intl.DateTimeFormatOptions>

export type TimeStyle = keyof typeof styles

/** A moment (ms) in the zone. */
export function time(at: number, zone: string, style: TimeStyle = 'moment'): string {
  return formatOf(zone, styles[style]).format(at)
}

/** The same, and how the zone is called then, where its clocks show this twice. */
export function clear(at: number, zone: string, style: TimeStyle = 'moment'): string {
  const said = time(at, zone, style)
  return twice(at, zone) ? `${said} ${zoneName(zone, at)}` : said
}

/**
 * A span as briefly as it can be said: "28 Nov 2026, 14:05 – 15:05". How the
 * zone is called is said at both ends where the clock changes in between, and
 * once where its clocks show an end twice, or where `named` asks for it.
 */
export function timeRange(from: number, to: number, zone: string, named = false): string {
  if (offset(from, zone) !== offset(to, zone)) {
    const oneDay = time(from, zone, 'date') === time(to, zone, 'date')
    return `${time(from, zone)} ${zoneName(zone, from)} – ${time(to, zone, oneDay ? 'clock' : 'moment')} ${zoneName(zone, to)}`
  }
  const said = formatOf(zone, styles.moment).formatRange(from, to)
  return named || twice(from, zone) || twice(to, zone) ? `${said} ${zoneName(zone, to)}` : said
}

/** How the zone is called at a moment: "CET", "GMT+10:30". */
export function zoneName(zone: string, at = Date.now()): string {
  return formatOf(zone, { timeZoneName: 'short' }).formatToParts(at).find((p) => p.type === 'timeZoneName')?.value ?? zone
}

/** How the zone is called from one moment to another: "CET", "CEST/CET". */
export function zoneNames(zone: string, from: number, to: number): string {
  const names = new Set<string>()
  // Nowhere do clocks change twice in so short a time.
  const step = Math.max(1, Math.min((to - from) / 4, 30 * 86_400_000))
  for (let t = from; t < to && names.size < 2; t += step) names.add(zoneName(zone, t))
  return [...names.add(zoneName(zone, to))].join('/')
}

/** ISO 8601 with the offset that the zone has then: for exports. */
export function isoWithOffset(at: number, zone: string): string {
  const w = wallOf(at, zone)
  const local = Date.UTC(w.year, w.month - 1, w.day, w.hour, w.minute, w.second)
  const minutes = Math.round((local - Math.floor(at / 1000) * 1000) / 60_000)
  const two = (n: number) => String(n).padStart(2, '0')
  const ms = ((at % 1000) + 1000) % 1000
  const sign = minutes < 0 ? '-' : '+'
  const a = Math.abs(minutes)
  return `${new Date(local).toISOString().slice(0, 19)}${ms > 0 ? `.${String(ms).padStart(3, '0')}` : ''}${sign}${two(Math.floor(a / 60))}:${two(a % 60)}`
}

/** Labels of a time axis with ticks `incr` ms apart: what is new is said, the day where it begins. */
export function axisLabels(ticks: readonly number[], incr: number, zone: string): string[] {
  let before = ''
  return ticks.map((t) => {
    if (incr >= 360 * 86_400_000) return time(t, zone, 'year')
    if (incr >= 27 * 86_400_000) return time(t, zone, 'month')
    const day = time(t, zone, 'day')
    const fresh = day !== before
    before = day
    if (incr >= 86_400_000) return day
    const clock = time(t, zone, incr < 60_000 ? 'seconds' : 'clock')
    return fresh ? `${clock}\n${day}` : clock
  })
}

/** Weekdays from Monday, as the locale calls them. */
export function weekdays(style: 'short' | 'long' = 'short'): string[] {
  const f = new Intl.DateTimeFormat(locale, { weekday: style, timeZone: 'UTC' })
  return [0, 1, 2, 3, 4, 5, 6].map((d) => f.format(Date.UTC(2024, 0, 1 + d)))
}
