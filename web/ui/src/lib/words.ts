// Lengths of time in words.

import { locale } from './locale'

const units = [
  { unit: 'day', ms: 86_400_000 },
  { unit: 'hour', ms: 3_600_000 },
  { unit: 'minute', ms: 60_000 },
  { unit: 'second', ms: 1000 },
] as const

/** A length of time in the largest unit that it has at least one of: "5 min". */
export function duration(ms: number, chosen = locale): string {
  const u = units.find((x) => ms >= x.ms) ?? units[3]
  return new Intl.NumberFormat(chosen, { style: 'unit', unit: u.unit, unitDisplay: 'short', maximumFractionDigits: ms / u.ms < 10 ? 1 : 0 }).format(ms / u.ms)
}
