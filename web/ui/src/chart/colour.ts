// One colour per sensor and group, the same in every view. The palette is
// told apart by colour-blind people as far as ten hues can be; what falls on
// the same colour in one chart is drawn with another dash.

import { useComputedColorScheme } from '@mantine/core'
import { useMemo } from 'react'
import { usePrinting } from './paper'

export const palette = 10

/** Which of the colours something has; always the same for the same name. */
export function colourIndex(id: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < id.length; i++) h = Math.imul(h ^ id.charCodeAt(i), 0x01000193)
  h ^= h >>> 15
  return (h >>> 0) % palette
}

const dashes = [[], [7, 4], [2, 3], [9, 3, 2, 3]]

export interface Stroke {
  /** As CSS has it: `var(--ww-series-3)`. */
  colour: string
  index: number
  /** Lengths of lines and holes; empty: a solid line. */
  dash: number[]
}

/** How each of several is drawn in one chart. */
export function strokes(ids: readonly string[]): Stroke[] {
  const seen = new Map<number, number>()
  return ids.map((id) => {
    const index = colourIndex(id)
    const n = seen.get(index) ?? 0
    seen.set(index, n + 1)
    return { colour: `var(--ww-series-${index})`, index, dash: dashes[n % dashes.length] ?? [] }
  })
}

export interface Tokens {
  scheme: 'light' | 'dark'
  ink: string
  dim: string
  grid: string
  line: string
  card: string
  band: string
  power: string
  warn: string
  bad: string
  series: string[]
  heat: string[]
  font: string
}

/** The tokens of tokens.css as they are now: a canvas inherits nothing. */
export function readTokens(scheme: 'light' | 'dark'): Tokens {
  const css = getComputedStyle(document.documentElement)
  const get = (name: string) => css.getPropertyValue(`--ww-${name}`).trim()
  return {
    scheme,
    ink: get('ink'),
    dim: get('dim'),
    grid: get('grid'),
    line: get('line'),
    card: get('card'),
    band: get('band'),
    power: get('power'),
    warn: get('warn'),
    bad: get('bad'),
    series: Array.from({ length: palette }, (_, i) => get(`series-${i}`)),
    heat: [0, 1, 2, 3, 4].map((i) => get(`heat-${i}`)),
    font: getComputedStyle(document.body).fontFamily,
  }
}

/** The tokens, anew when the colour scheme changes; on paper the light ones. */
export function useTokens(): Tokens {
  const screen = useComputedColorScheme('light')
  const scheme = usePrinting() ? 'light' : screen
  return useMemo(() => readTokens(scheme), [scheme])
}
