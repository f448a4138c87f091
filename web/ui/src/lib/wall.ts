// Times as <input type="datetime-local"> has them, of a zone.

import { momentOf, wallOf } from './zone'

const two = (n: number) => String(n).padStart(2, '0')

/** What clocks in the zone show at a moment (ms), to the minute. */
export function written(at: number, zone: string): string {
  const w = wallOf(at, zone)
  return `${String(w.year).padStart(4, '0')}-${two(w.month)}-${two(w.day)}T${two(w.hour)}:${two(w.minute)}`
}

/** The moment (ms) that clocks in the zone show this. */
export function read(s: string, zone: string): number | undefined {
  const m = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(s)
  if (!m) return undefined
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0] = m.slice(1).map(Number)
  return momentOf({ year, month, day, hour, minute }, zone)
}
