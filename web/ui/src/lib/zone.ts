// Days, weeks and months begin at midnight in the zone of the site, not of
// the browser. Times of day that the clock skips or repeats are resolved as
// Temporal does by default ("compatible"): skipped ones go forward by the
// width of the gap, of repeated ones the first is meant.

/** A calendar date and time of day, of no zone. */
export interface Wall {
  year: number
  /** 1 to 12; others overflow into the years beside. */
  month: number
  /** From 1; others overflow into the months beside. */
  day: number
  hour?: number
  minute?: number
  second?: number
}

const parts = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  let f = parts.get(zone)
  if (!f) {
    f = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    })
    parts.set(zone, f)
  }
  return f
}

/** What clocks in the zone show at a moment. */
export function wallOf(at: number, zone: string): Required<Wall> {
  const p = formatOf(zone).formatToParts(at)
  const get = (type: string) => Number(p.find((x) => x.type === type)?.value ?? 0)
  return { year: get('year'), month: get('month'), day: get('day'), hour: get('hour'), minute: get('minute'), second: get('second') }
}

function asUTC(w: Wall): number {
  return Date.UTC(w.year, w.month - 1, w.day, w.hour ?? 0, w.minute ?? 0, w.second ?? 0)
}

/** By how much clocks in the zone are ahead of UTC, ms. */
export function offset(at: number, zone: string): number {
  return asUTC(wallOf(at, zone)) - Math.floor(at / 1000) * 1000
}

/** The moment that clocks in the zone show this, ms. */
export function momentOf(w: Wall, zone: string): number {
  const local = asUTC(w)
  // The offsets a day before and after are those on both sides of a change.
  const before = offset(local - 86_400_000, zone)
  const after = offset(local + 86_400_000, zone)
  const fits = [before, after].map((o) => local - o).filter((t) => t + offset(t, zone) === local)
  // Repeated: the first. Skipped: with the offset before, so that it goes forward.
  return fits.length > 0 ? Math.min(...fits) : local - before
}

/** Whether clocks in the zone show the same a second time, before or after this. */
export function twice(at: number, zone: string): boolean {
  const local = at + offset(at, zone)
  return [at - 86_400_000, at + 86_400_000].some((x) => {
    const other = local - offset(x, zone)
    return other !== at && other + offset(other, zone) === local
  })
}

/** The zone if the browser knows it, else UTC. */
export function knownZone(zone: string | undefined): string {
  if (!zone) return 'UTC'
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone
  } catch {
    return 'UTC'
  }
}

export type Unit = 'day' | 'week' | 'month' | 'year'

/** The first moment of the day, week (from Monday), month or year that `at` lies in, moved by `n` of them, ms. */
export function startOf(unit: Unit, at: number, zone: string, n = 0): number {
  const { year, month, day } = wallOf(at, zone)
  switch (unit) {
    case 'day':
      return momentOf({ year, month, day: day + n }, zone)
    case 'week': {
      const weekday = (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7
      return momentOf({ year, month, day: day - weekday + 7 * n }, zone)
    }
    case 'month':
      return momentOf({ year, month: month + n, day: 1 }, zone)
    case 'year':
      return momentOf({ year: year + n, month: 1, day: 1 }, zone)
  }
}

/** The first moment of the day that `at` lies in, ms; some days begin at 01:00. */
export function startOfDay(at: number, zone: string): number {
  return startOf('day', at, zone)
}

/** The same time of day so many calendar days, months or years away, ms. */
export function away(at: number, zone: string, by: { days?: number; months?: number; years?: number }): number {
  const w = wallOf(at, zone)
  const month = w.month + (by.months ?? 0) + 12 * (by.years ?? 0)
  // 31 March less a month is 28 February, not 3 March.
  const longest = new Date(Date.UTC(w.year, month, 0)).getUTCDate()
  const day = by.months || by.years ? Math.min(w.day, longest) : w.day
  return momentOf({ ...w, month, day: day + (by.days ?? 0) }, zone) + (((at % 1000) + 1000) % 1000)
}
