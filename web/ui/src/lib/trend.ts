// How a mean stands to the one before it.

import { DASH, power, signedPercent } from './format'

interface Trend {
  current: number | null
  before: number | null
  direction: 'up' | 'down' | 'steady' | null
}

/** The change as a share of the magnitude before; null where a share says nothing: of 0, and of what flowed the other way. */
export function share({ current, before }: Trend): number | null {
  if (current === null || before === null || before === 0 || current * before < 0) return null
  return (current - before) / Math.abs(before)
}

/** How an arrow of it is turned, degrees: up is negative, and steep from 20 percent on. */
export function angle(x: Trend): number {
  if (x.direction === null || x.direction === 'steady') return 0
  const steep = Math.min(1, Math.abs(share(x) ?? 1) / 0.2) * 60
  return x.direction === 'up' ? -steep : steep
}

/** The change in percent, or in W where a percentage says nothing. */
export function changeText(x: Trend, locale?: string): string {
  if (x.current === null || x.before === null) return DASH
  const part = share(x)
  if (part !== null) return signedPercent(part, locale)
  const d = x.current - x.before
  return `${d > 0 ? '+' : d < 0 ? '−' : '±'}${power(Math.abs(d), locale)}`
}
