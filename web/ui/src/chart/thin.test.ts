import { describe, expect, it } from 'vitest'
import { summary, type Line } from './lines'
import { columnWidth, Thinner } from './thin'

/** A line that jumps about, with a gap in it. */
function line(n: number, step: number, key = 'a'): Line {
  let seed = 7
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
  const t = Array.from({ length: n }, (_, i) => 1_700_000_000_000 + i * step)
  const avg = t.map((_, i) => (i > 0.4 * n && i < 0.45 * n ? null : 1000 * random()))
  return { key, label: key, unit: 'W', t, avg, min: avg.map((v) => v && v - 1), max: avg.map((v) => v && v + 1) }
}

/** The least and greatest of what is drawn of each column. */
function edges(l: Line, width: number): Record<number, [number, number] | null> {
  const out: Record<number, [number, number] | null> = {}
  for (const [i, t] of l.t.entries()) {
    const at = Math.floor(t / width)
    const v = l.avg[i] ?? null
    const old = out[at] ?? null
    out[at] = v === null ? old : old ? [Math.min(old[0], v), Math.max(old[1], v)] : [v, v]
  }
  return out
}

const n = 50_000
const step = 7
const ends = (l: Line) => ({ from: l.t[0] ?? 0, to: l.t.at(-1) ?? 0 })

describe('Thinner', () => {
  it('draws four points of a column, with all that can be seen of it', () => {
    const l = line(n, step)
    const { from, to } = ends(l)
    const width = columnWidth(from, to, 500)
    const [drawn] = new Thinner().lines([l], width)
    expect(drawn?.t.length).toBeGreaterThan(3900)
    expect(drawn?.t.length).toBeLessThan(4100)
    expect(drawn?.t.every((t, i) => i === 0 || (drawn.t[i - 1] ?? t) < t), 'times ascend').toBe(true)
    expect(edges(drawn as Line, width)).toEqual(edges(l, width))
    expect(drawn?.avg.every((v, i) => v === null || ((drawn.min?.[i] ?? v) < v && (drawn.max?.[i] ?? v) > v)), 'the band is around the line').toBe(true)
    // The first and the last are where they were.
    expect([drawn?.t[0], drawn?.avg[0], drawn?.t.at(-1), drawn?.avg.at(-1)]).toEqual([from, l.avg[0], to, l.avg.at(-1)])
  })

  it('leaves alone what is not dense', () => {
    const l = line(900, 4000)
    const { from, to } = ends(l)
    const [drawn] = new Thinner().lines([l], columnWidth(from, to, 500))
    expect(drawn?.t).toBe(l.t)
    expect(drawn?.avg).toBe(l.avg)
  })

  it('draws lines of the same times at the same times', () => {
    const a = line(n, step)
    const b: Line = { ...line(n, step, 'b'), avg: Array.from({ length: n }, (_, i) => (i % 3 === 0 ? null : i)) }
    const { from, to } = ends(a)
    const [x, y] = new Thinner().lines([a, b], columnWidth(from, to, 500))
    expect(x?.t).toEqual(y?.t)
  })

  it('goes on as the line does, and is the same as if it were made anew', () => {
    const whole = line(n, step)
    const { from, to } = ends(whole)
    const width = columnWidth(from, to, 300)
    const kept = new Thinner()
    const l: Line = { ...whole, t: [], avg: [], min: [], max: [] }
    for (let i = 0; i < n; ) {
      for (const end = Math.min(n, i + 1 + (i % 7919)); i < end; i++) {
        l.t.push(whole.t[i] ?? 0)
        l.avg.push(whole.avg[i] ?? null)
        l.min?.push(whole.min?.[i] ?? null)
        l.max?.push(whole.max?.[i] ?? null)
      }
      kept.lines([l], width)
    }
    const last = l.avg.length - 1
    l.avg[last] = 5000
    expect(kept.lines([l], width)).toEqual(new Thinner().lines([l], width))

    // Old points go; what is left of their column is not drawn.
    for (const c of [l.t, l.avg, l.min, l.max]) c?.splice(0, 5003)
    const anew = new Thinner().lines([l], width)[0] as Line
    const begin = (Math.floor((l.t[0] ?? 0) / width) + 1) * width
    const at = anew.t.findIndex((t) => t >= begin)
    const [drawn] = kept.lines([l], width)
    expect(drawn?.t).toEqual(anew.t.slice(at))
    expect(drawn?.avg).toEqual(anew.avg.slice(at))
    expect(drawn?.max).toEqual(anew.max?.slice(at))
  })

  it('says what a look at each point says', () => {
    const l = line(n, step)
    const { from, to } = ends(l)
    const width = columnWidth(from, to, 300)
    const kept = new Thinner()
    for (const [a, b] of [[0, 1], [0.1, 0.9], [0.41, 0.44], [0.39, 0.40001], [0.5, 0.5], [-1, 2], [0.9999, 3]] as const) {
      const [x, y] = [from + a * (to - from), from + b * (to - from)]
      expect(kept.summary(l, x, y, width), `${a} to ${b}`).toEqual(summary(l, x, y))
    }
  })
})
