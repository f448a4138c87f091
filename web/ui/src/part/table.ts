// What a chart shows, as a table: for files, and for those who read numbers.

import { isoWithOffset } from '../lib/time'
import type { Line } from '../chart/lines'

export interface TableColumn {
  name: string
  /** "W"; empty for texts and times. */
  unit: string
}

/** A moment (ms) in a cell. */
export interface Moment {
  at: number
}

export type Cell = string | number | Moment | null

export interface Table {
  columns: TableColumn[]
  rows: Cell[][]
  zone: string
}

const title = (c: TableColumn) => (c.unit === '' ? c.name : `${c.name} (${c.unit})`)

export function isMoment(c: Cell): c is Moment {
  return typeof c === 'object' && c !== null
}

/** A cell of a file must not begin what a spreadsheet would calculate. */
function harmless(s: string): string {
  return /^[=+\-@\t\r]/.test(s) ? `'${s}` : s
}

function quoted(s: string): string {
  return /[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s
}

/** RFC 4180 with a header; times as ISO 8601 with the offset of the zone; what is not known is empty. */
export function csv(t: Table): string {
  const lines = [t.columns.map((c) => quoted(harmless(title(c)))).join(',')]
  for (const r of t.rows) {
    lines.push(r.map((c) => (c === null ? '' : isMoment(c) ? isoWithOffset(c.at, t.zone) : typeof c === 'number' ? String(c) : quoted(harmless(c)))).join(','))
  }
  return `${lines.join('\r\n')}\r\n`
}

/** An Excel workbook of one sheet. */
export async function xlsx(t: Table): Promise<Blob> {
  const { default: write } = await import('write-excel-file/browser')
  const head = t.columns.map((c) => ({ value: title(c), fontWeight: 'bold' as const }))
  const rows = t.rows.map((r) => r.map((c) => (c === null ? null : { value: isMoment(c) ? isoWithOffset(c.at, t.zone) : c })))
  return write([head, ...rows]).toBlob()
}

/** Lines of a chart on one time column. */
export function tableOf(lines: readonly Line[], from: number, to: number, zone: string, names: { time: string; min: string; max: string }): Table {
  const columns: TableColumn[] = [{ name: names.time, unit: '' }]
  const at = new Map<number, (number | null)[]>()
  let width = 0
  for (const l of lines) {
    const wide = l.min && l.max ? 3 : 1
    columns.push({ name: l.label, unit: l.unit })
    if (wide === 3) columns.push({ name: `${l.label}, ${names.min}`, unit: l.unit }, { name: `${l.label}, ${names.max}`, unit: l.unit })
    l.t.forEach((t, i) => {
      if (t < from || t > to) return
      let row = at.get(t)
      if (!row) at.set(t, (row = []))
      while (row.length < width) row.push(null)
      row.push(l.avg[i] ?? null)
      if (l.min && l.max) row.push(l.min[i] ?? null, l.max[i] ?? null)
    })
    width += wide
  }
  const rows = [...at.entries()].sort(([a], [b]) => a - b).map(([t, r]): Cell[] => [{ at: t }, ...r, ...new Array<null>(width - r.length).fill(null)])
  return { columns, rows, zone }
}
