// Lines of far more points than there are pixels, as what can be seen of them.
//
// Time is cut into columns half a pixel wide. Of each four points are drawn,
// which have its first, least, greatest and last value, and the edges of its
// band: all of them together would look the same to within half a pixel.
// Columns begin at multiples of their width, wherever the view does. So while
// it goes on with the clock those that were drawn stay, and a draw costs what
// is new in it.

import { after, place, summarise, summary, type Line, type Summary } from './lines'

/** Lines of fewer points for each column, on an average, are drawn as they are. */
const dense = 4

interface Column {
  /** Its first time, and the moment before which all of its points lie. */
  t: number
  ends: number
  /** So many are drawn of it. */
  points: number
  sum: Summary
}

interface Thinned {
  of: Line
  width: number
  columns: Column[]
  drawn: Pick<Line, 't' | 'avg' | 'min' | 'max'>
}

/** How wide a column is, ms, of a view that is so many pixels of the device wide. */
export function columnWidth(from: number, to: number, pixels: number): number {
  return Math.max(1, Math.round((to - from) / (2 * Math.max(1, pixels))))
}

/** Keeps what it made of a line while its times are kept. */
export class Thinner {
  private readonly kept = new WeakMap<readonly number[], Thinned>()

  /** What to draw in columns of this width. Lines of the same times stay lines of the same times. */
  lines(lines: readonly Line[], width: number): Line[] {
    return lines.map((l) => ({ ...l, ...this.of(l, width)?.drawn }))
  }

  /** What summary says of a line, without looking at every point again. */
  summary(l: Line, from: number, to: number, width: number): Summary {
    const columns = this.of(l, width)?.columns ?? []
    const begin = columns.findIndex((c) => c.t >= from)
    // The last that begins in view may end beyond it.
    const end = columns.findLastIndex((c) => c.t <= to)
    const first = columns[begin]
    const last = columns[end]
    if (!first || !last || end <= begin) return summary(l, from, to)
    const out: Summary = { min: null, max: null, last: null, points: 0 }
    summarise(out, l, place(l.t, from), place(l.t, first.t))
    for (let i = begin; i < end; i++) join(out, columns[i]?.sum)
    summarise(out, l, place(l.t, last.t), after(l.t, to))
    return out
  }

  private of(l: Line, width: number): Thinned | undefined {
    const first = l.t[0]
    const last = l.t.at(-1)
    if (first === undefined || last === undefined || l.t.length < dense * (1 + (last - first) / width)) return undefined
    let thin = this.kept.get(l.t)
    if (thin?.width !== width || thin.of.avg !== l.avg || thin.of.min !== l.min || thin.of.max !== l.max) {
      thin = { of: l, width, columns: [], drawn: { t: [], avg: [], min: l.min && [], max: l.max && [] } }
      this.kept.set(l.t, thin)
    }
    forget(thin, first)
    goOn(thin)
    return thin
  }
}

function join(out: Summary, s: Summary | undefined): void {
  if (!s) return
  if (s.min !== null && (out.min === null || s.min < out.min)) out.min = s.min
  if (s.max !== null && (out.max === null || s.max > out.max)) out.max = s.max
  out.last = s.last ?? out.last
  out.points += s.points
}

/** Takes away columns of which something went, and the last, of which more may have come. */
function forget({ columns, drawn }: Thinned, first: number): void {
  const cut = (at: number, n: number, from: number, points: number) => {
    columns.splice(at, n)
    for (const c of [drawn.t, drawn.avg, drawn.min, drawn.max]) c?.splice(from, points)
  }
  const open = columns.at(-1)
  if (open) cut(columns.length - 1, 1, drawn.t.length - open.points, open.points)
  let n = 0
  let points = 0
  for (; n < columns.length && (columns[n]?.t ?? 0) < first; n++) points += columns[n]?.points ?? 0
  // The rest of a column that lost some of its points is out of view.
  if (n > 0) cut(0, n, 0, points)
}

/** Adds the columns that are not drawn yet. */
function goOn({ of: l, width, columns, drawn }: Thinned): void {
  const { t, avg, min, max } = l
  let i = place(t, columns.at(-1)?.ends ?? -Infinity)
  while (i < t.length) {
    const begin = i
    const at = t[begin] as number
    let ends = (Math.floor(at / width) + 1) * width
    if (ends <= at) ends += width // what is no whole number may be rounded
    let first: number | null = null
    let last: number | null = null
    let least: number | null = null
    let most: number | null = null
    let lo: number | null = null
    let hi: number | null = null
    let falls = false
    let known = 0
    for (; i < t.length && (t[i] as number) < ends; i++) {
      const v = avg[i] ?? null
      if (v !== null) {
        first ??= v
        last = v
        known++
        if (least === null || v < least) {
          least = v
          falls = true
        }
        if (most === null || v > most) {
          most = v
          falls = false
        }
      }
      const a = min?.[i] ?? v
      if (a !== null && (lo === null || a < lo)) lo = a
      const b = max?.[i] ?? v
      if (b !== null && (hi === null || b > hi)) hi = b
    }
    const values = falls ? [first, most, least, last] : [first, least, most, last]
    const points = Math.min(4, i - begin)
    for (let k = 0; k < points; k++) {
      // Of fewer than four each is drawn.
      drawn.t.push(t[points < 4 ? begin + k : begin + Math.floor((k * (i - 1 - begin)) / 3)] as number)
      drawn.avg.push((points < 4 ? avg[begin + k] : values[k]) ?? null)
      drawn.min?.push(lo)
      drawn.max?.push(hi)
    }
    columns.push({ t: at, ends, points, sum: { min: lo, max: hi, last, points: known } })
  }
}
