import { describe, expect, it } from 'vitest'
import { means } from './settled'

const quarter = 900_000

describe('means', () => {
  const w = {
    start: [0, quarter, 2 * quarter, 3 * quarter], end: [quarter, 2 * quarter, 3 * quarter, 4 * quarter], average: [100, null, 300, 400], meter: [50, 60, null, 80],
    settled: 4 * quarter,
  }
  it('puts each window into its middle, and leaves gaps', () => {
    expect(means(w, false, 3 * quarter)).toEqual({ t: [quarter / 2, 1.5 * quarter, 2.5 * quarter], mean: [100, null, 300], end: 3 * quarter })
  })
  it('takes the meter where there is one', () => {
    expect(means(w, true, 4 * quarter)?.mean).toEqual([200, 240, null, 320])
  })
  it('takes no window that is not settled, and nothing for nothing', () => {
    expect(means({ ...w, settled: quarter }, false, 4 * quarter)?.mean).toEqual([100])
    expect(means({ ...w, average: [null, null, null, null] }, false, 4 * quarter)).toBeUndefined()
    expect(means({ ...w, settled: 0 }, false, 4 * quarter)).toBeUndefined()
  })
})
