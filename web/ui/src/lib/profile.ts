// Settled statistics as charts draw them.

export interface Cells {
  /** [column, row, value], as a heat map wants them; only what is known. */
  known: [number, number, number][]
  min: number | null
  max: number | null
}

function cells(values: readonly (number | null)[], column: (i: number) => number, row: (i: number) => number): Cells {
  const out: Cells = { known: [], min: null, max: null }
  values.forEach((v, i) => {
    if (v === null) return
    out.known.push([column(i), row(i), v])
    if (out.min === null || v < out.min) out.min = v
    if (out.max === null || v > out.max) out.max = v
  })
  return out
}

/** 168 hours of the week from Monday: hours beside, weekdays below each other. */
export function week(values: readonly (number | null)[]): Cells {
  return cells(values, (i) => i % 24, (i) => Math.floor(i / 24))
}

/** Rows of 24 hours each, the first on top. */
export function rowsOfHours(rows: readonly (readonly (number | null)[])[]): Cells {
  return cells(rows.flatMap((r) => Array.from({ length: 24 }, (_, h) => r[h] ?? null)), (i) => i % 24, (i) => Math.floor(i / 24))
}

/** The cell with the greatest value. */
export function highest(c: Cells): [number, number, number] | undefined {
  return c.known.find(([, , v]) => v === c.max)
}

/** The mean of what is known, each weighted by how much there is of it; null when nothing is. */
export function weighted(values: readonly (number | null)[] | null | undefined, weights: readonly number[] | null | undefined): number | null {
  let sum = 0
  let all = 0
  values?.forEach((v, i) => {
    const w = weights?.[i] ?? 0
    if (v === null || w <= 0) return
    sum += v * w
    all += w
  })
  return all > 0 ? sum / all : null
}

/** The mean of shares over cells of equal length; null when there are none. */
export function meanOf(values: readonly number[] | null | undefined): number | null {
  return values && values.length > 0 ? values.reduce((a, b) => a + b, 0) / values.length : null
}
