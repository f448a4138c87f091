import { describe, expect, it } from 'vitest'
import { Meter, Series, summary } from './series'

describe('Series', () => {
  it('folds live ticks into buckets behind what was loaded', () => {
    const s = new Series(5000, 15_000)
    s.load({ t: [0, 5000], min: [1, 2], avg: [2, 3], max: [3, 4] })
    s.add(6000, 9) // of a bucket the server has: widens it
    s.add(4000, 100) // older: ignored
    s.add(10_000, 4)
    s.add(12_000, 8)
    s.add(13_000, null)
    expect(s.columns()).toEqual({ t: [0, 5000, 10_000], min: [1, 2, 4], avg: [2, 3, 6], max: [3, 9, 8] })
  })

  it('counts a tick once, whoever brings it', () => {
    const s = new Series(5000, 15_000)
    for (const [t, v] of [[0, 1], [0, 1], [1000, 3]] as const) s.add(t, v)
    expect(s.columns().avg).toEqual([2])
  })

  it('draws gaps as gaps', () => {
    const s = new Series(5000, 15_000)
    s.add(0, 1)
    s.add(60_000, 2)
    expect(s.columns()).toEqual({ t: [0, 5000, 60_000], min: [1, null, 2], avg: [1, null, 2], max: [1, null, 2] })
  })

  it('keeps nulls of the server and fills the open one', () => {
    const s = new Series(5000, 15_000)
    s.load({ t: [0, 5000], min: [1, null], avg: [1, null], max: [1, null] })
    s.add(6000, 7)
    s.add(7000, 9)
    expect(s.columns().avg).toEqual([1, 8])
  })

  it('forgets', () => {
    const s = new Series(5000, 15_000)
    for (let t = 0; t < 50_000; t += 5000) s.add(t, t)
    s.drop(40_000)
    expect(s.columns().t).toEqual([40_000, 45_000])
  })

  it('never keeps much more than it was told to', () => {
    const s = new Series(1000, 3000)
    let most = 0
    for (let t = 0; t < 5_000_000; t += 1000) {
      s.add(t, t)
      s.drop(t - 900_000)
      most = Math.max(most, s.columns().t.length)
    }
    expect(most).toBeLessThanOrEqual(920)
    expect(s.columns().t[0]).toBeGreaterThan(4_999_000 - 920_000)
  })

  it('sums up', () => {
    expect(summary({ t: [1, 2], min: [1, null], avg: [2, null], max: [3, null] })).toEqual({ min: 1, max: 3, last: 2 })
    expect(summary({ t: [], min: [], avg: [], max: [] })).toEqual({ min: null, max: null, last: null })
  })
})

describe('Meter', () => {
  it('goes on from what is known', () => {
    const m = new Meter(100, 0, 10_000)
    m.add(-500, 3600)
    m.add(1000, 3600)
    m.add(2000, 7200)
    expect(m.energy).toBeCloseTo(100 + 1 + 1.5)
  })

  it('does not bridge gaps', () => {
    const m = new Meter(null, 0, 10_000)
    expect(m.energy).toBeNull()
    expect(m.add(60_000, 3600)).toBe(false)
    expect(m.energy).toBeNull()
    expect(m.add(61_000, 3600)).toBe(true)
    expect(m.energy).toBeCloseTo(1)
    m.add(62_000, null)
    m.add(63_000, 3600)
    expect(m.energy).toBeCloseTo(2)
  })
})
