import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LiveStore } from './live'

class FakeSource extends EventTarget {
  closed = false
  close() {
    this.closed = true
  }
  say(name: string, data?: unknown) {
    this.dispatchEvent(data === undefined ? new Event(name) : new MessageEvent(name, { data: JSON.stringify(data) }))
  }
}

const tick = (t: number, sum: number | null, meter: number | null = null) => ({
  hierarchy: 'h', revision: 1, t, groups: 1, group: ['g'], sum: [sum], min: [sum], max: [sum], count: [1], total: [2], meter: [meter], unaccounted: [null],
})

describe('LiveStore', () => {
  let sources: FakeSource[]
  let asked: string[][]
  let store: LiveStore
  let stop: () => void

  beforeEach(() => {
    vi.useFakeTimers()
    sources = []
    asked = []
    store = new LiveStore((sensors) => {
      const s = new FakeSource()
      sources.push(s)
      asked.push(sensors)
      return s as unknown as EventSource
    })
    stop = store.start()
  })
  afterEach(() => {
    stop()
    vi.useRealTimers()
  })

  it('keeps what came last, and null as null', () => {
    sources[0]?.say('open')
    expect(store.connection).toBe('live')
    sources[0]?.say('aggregates', tick(1000, 5))
    expect(store.group('h', 'g')).toMatchObject({ t: 1000, power: 5, count: 1, total: 2 })
    sources[0]?.say('aggregates', tick(2000, null))
    expect(store.group('h', 'g')?.power).toBeNull()
    store.setMetered(new Set(['g']))
    sources[0]?.say('aggregates', tick(3000, 5, 7))
    expect(store.group('h', 'g')?.power).toBe(7)
    sources[0]?.say('aggregates', tick(3000, 5, null))
    expect(store.group('h', 'g')?.power).toBeNull()
    expect(store.newest).toBe(3000)
  })

  it('never goes back for a sensor', () => {
    sources[0]?.say('records', { sensor: ['s', 's'], t: [2, 1], value: [20, 10] })
    expect(store.sensor('s')).toEqual({ t: 2, value: 20 })
    store.seed('s', 1, 1)
    expect(store.sensor('s')?.value).toBe(20)
    store.seed('s', 3, 30)
    expect(store.sensor('s')?.value).toBe(30)
  })

  it('connects again, ever more patiently, and says so', () => {
    sources[0]?.say('open')
    sources[0]?.say('error')
    expect(store.connection).toBe('reconnecting')
    vi.advanceTimersByTime(1000)
    expect(sources).toHaveLength(2)
    for (let i = 0; i < 6; i++) {
      sources.at(-1)?.say('error')
      vi.advanceTimersByTime(15_000)
    }
    expect(store.connection).toBe('offline')
    sources.at(-1)?.say('open')
    expect(store.connection).toBe('live')
  })

  it('connects again when a stream has gone silent', () => {
    sources[0]?.say('open')
    sources[0]?.say('aggregates', tick(1000, 5))
    vi.advanceTimersByTime(60_000)
    expect(sources[0]?.closed).toBe(true)
    expect(sources.length).toBeGreaterThan(1)
  })

  it('asks anew only for sensors it does not get yet', () => {
    store.want(['a', 'b'])
    expect(asked.at(-1)).toEqual(['a', 'b'])
    store.want(['b'])
    expect(asked).toHaveLength(2)
    store.want(['b', 'c'])
    expect(asked.at(-1)).toEqual(['b', 'c'])
  })

  it('tells only those concerned', () => {
    const h = vi.fn()
    const other = vi.fn()
    store.subscribe('h\nh', h)
    store.subscribe('h\nother', other)
    sources[0]?.say('aggregates', tick(1000, 5))
    expect(h).toHaveBeenCalledTimes(1)
    expect(other).not.toHaveBeenCalled()
  })
})
