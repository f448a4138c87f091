// What all figures have alike: their axes, their tooltips, their grounds.

import type { Tokens } from '../chart/colour'

export const grid = (more: object = {}) => ({ left: 8, right: 12, top: 12, bottom: 4, containLabel: true, ...more })

export const axis = (k: Tokens) => ({
  axisLine: { lineStyle: { color: k.line } },
  axisLabel: { color: k.dim, hideOverlap: true },
  splitLine: { lineStyle: { color: k.grid } },
})

function escaped(s: string): string {
  return s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

interface Pointed {
  dataIndex: number
  data: unknown
}

const ground = (k: Tokens) => ({ backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink, fontSize: 13 }, confine: true })

function html([head, ...rest]: string[]): string {
  return head === undefined ? '' : [`<strong>${escaped(head)}</strong>`, ...rest.map(escaped)].join('<br>')
}

/** A tooltip of lines of text for the part that is pointed at. */
export const tooltip = (k: Tokens, lines: (index: number, data: unknown) => string[]) => ({
  ...ground(k),
  trigger: 'item',
  formatter: (p: Pointed) => html(lines(p.dataIndex, p.data)),
})

/** The same for the whole column of an axis. */
export const axisTooltip = (k: Tokens, lines: (index: number) => string[]) => ({
  ...ground(k),
  trigger: 'axis',
  axisPointer: { type: 'line', lineStyle: { color: k.dim, type: 'dashed' } },
  formatter: (p: Pointed[]) => html(lines(p[0]?.dataIndex ?? -1)),
})

/** Colour of values between two bounds, from the heat tokens. */
export const heat = (k: Tokens, min: number | null, max: number | null, format: (v: number) => string) => ({
  type: 'continuous',
  min: min ?? 0,
  max: max === null || max === min ? (min ?? 0) + 1 : max,
  calculable: false,
  orient: 'horizontal',
  right: 8,
  top: 0,
  itemWidth: 10,
  itemHeight: 110,
  align: 'left',
  text: max === null ? ['', ''] : [format(max), format(min ?? 0)],
  textStyle: { color: k.dim, fontSize: 12 },
  inRange: { color: k.heat },
})
