// Bytes, seconds and counts as people read them.

import { DASH } from './format'
import { locale as chosen } from './locale'

const steps = [
  { at: 1e9, unit: 'GB' },
  { at: 1e6, unit: 'MB' },
  { at: 1e3, unit: 'kB' },
] as const

export function bytes(n: number | null | undefined, locale = chosen): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return DASH
  const s = steps.find((x) => n >= x.at)
  if (!s) return `${count(n, locale)}\u00a0B`
  return `${new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(n / s.at)}\u00a0${s.unit}`
}

export function count(n: number | null | undefined, locale = chosen): string {
  return n === null || n === undefined ? DASH : new Intl.NumberFormat(locale, { maximumFractionDigits: 0 }).format(n)
}

/** A length of time in the largest unit that tells it well. */
export function lasting(seconds: number | null | undefined, locale = chosen): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH
  const [n, unit] = seconds < 100 ? [seconds, 'second'] : seconds < 6000 ? [seconds / 60, 'minute'] : seconds < 172_800 ? [seconds / 3600, 'hour'] : [seconds / 86_400, 'day']
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: n < 10 ? 1 : 0 }).format(n)
}

/** Thousandths of a second as the server writes them, "190.384ms"; what is written in another way stays as it is. */
export function milliseconds(duration: string, locale = chosen): string {
  const ms = /^([0-9.]+)ms$/.exec(duration)?.[1]
  return ms === undefined ? duration : `${new Intl.NumberFormat(locale, { maximumFractionDigits: Number(ms) < 10 ? 1 : 0 }).format(Number(ms))}\u00a0ms`
}
