// How long something lasts, in its two largest units.

import { locale as chosen } from './locale'

const units = [['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]] as const

/** A length in ms: "2 hr 5 min"; what is below the second unit is rounded away. */
export function lasting(ms: number, locale = chosen): string {
  const say = (n: number, unit: string) => new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'short' }).format(n)
  const seconds = Math.max(0, Math.round(ms / 1000))
  const first = units.findIndex(([, size]) => seconds >= size)
  const at = first < 0 ? 3 : first
  const [unit, size] = units[at] ?? units[3]
  const next = units[at + 1]
  if (!next) return say(seconds, unit)
  const whole = Math.round(seconds / next[1])
  const large = Math.floor((whole * next[1]) / size)
  const rest = whole - (large * size) / next[1]
  return rest > 0 ? `${say(large, unit)} ${say(rest, next[0])}` : say(large, unit)
}
