import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { afterMissing, LiveStore, type Wanted } from './live'

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
  let asked: Wanted[]
  let store: LiveStore
  let stop: () => void

  beforeEach(() => {
    vi.useFakeTimers()
    sources = []
    asked = []
    store = new LiveStore((wanted) => {
      const s = new FakeSource()
      sources.push(s)
      asked.push(wanted)
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

  it('shows the meter of a group also of what came before the model', () => {
    sources[0]?.say('aggregates', tick(1000, 5, 7))
    expect(store.group('h', 'g')?.power).toBe(5)
    store.setMetered(new Set(['g']))
    expect(store.group('h', 'g')?.power).toBe(7)
    expect(store.final('h', 'g')?.power).toBe(7)
  })

  it('is there ahead of whoever starts, once, and gives up quietly when nobody does', () => {
    stop()
    store.ahead()
    store.ahead()
    expect(sources).toHaveLength(2)
    sources[1]?.say('aggregates', tick(1000, 5))
    stop = store.start()
    expect(sources).toHaveLength(2)
    expect(store.group('h', 'g')?.power).toBe(5)
    stop()
    store.ahead()
    sources[2]?.say('error')
    vi.advanceTimersByTime(60_000)
    expect(sources).toHaveLength(3)
    stop = store.start()
    expect(sources).toHaveLength(4)
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

  it('says when ticks were missed, however that came about', () => {
    const missed = vi.fn()
    store.subscribe(afterMissing, missed)
    sources[0]?.say('open')
    sources[0]?.say('aggregates', tick(1000, 5))
    // Another stream at once, as when more is asked for.
    store.want({ sensors: ['s'], groups: undefined })
    vi.advanceTimersByTime(500)
    sources.at(-1)?.say('open')
    expect(missed).not.toHaveBeenCalled()
    // It broke off, and came again later.
    sources.at(-1)?.say('error')
    vi.advanceTimersByTime(90_000)
    expect(missed).not.toHaveBeenCalled()
    sources.at(-1)?.say('open')
    expect(missed).toHaveBeenCalledTimes(1)
    // The computer slept: no timer ran, and nothing broke off.
    sources.at(-1)?.say('aggregates', tick(2000, 5))
    vi.setSystemTime(Date.now() + 600_000)
    vi.advanceTimersByTime(7000)
    sources.at(-1)?.say('open')
    expect(missed).toHaveBeenCalledTimes(2)
    // Nobody looked for a while.
    stop()
    vi.advanceTimersByTime(60_000)
    stop = store.start()
    sources.at(-1)?.say('open')
    expect(missed).toHaveBeenCalledTimes(3)
  })

  it('shows a preview, and the final tick when it is not older', () => {
    const shown = () => [store.group('h', 'g')?.t, store.group('h', 'g')?.power, store.group('h', 'g')?.preview]
    sources[0]?.say('aggregates', tick(1000, 1))
    sources[0]?.say('preview', tick(4000, 4))
    expect(shown()).toEqual([4000, 4, true])
    sources[0]?.say('aggregates', tick(2000, 2))
    sources[0]?.say('aggregates', tick(3000, null))
    expect(shown()).toEqual([4000, 4, true])
    sources[0]?.say('aggregates', tick(4000, 4.5))
    expect(shown()).toEqual([4000, 4.5, false])
    // What was told finally stays, and a preview that comes late is worth nothing.
    sources[0]?.say('preview', tick(4000, 4))
    sources[0]?.say('preview', tick(3000, 3))
    expect(shown()).toEqual([4000, 4.5, false])
    sources[0]?.say('aggregates', tick(5000, null))
    expect(shown()).toEqual([5000, null, false])
  })

  it('counts on final ticks alone', () => {
    const final = vi.fn()
    store.subscribe('f\nh', final)
    sources[0]?.say('preview', tick(4000, 4))
    expect(store.final('h', 'g')).toBeUndefined()
    expect(store.newestFinal).toBe(0)
    expect(final).not.toHaveBeenCalled()
    sources[0]?.say('aggregates', tick(2000, 2))
    expect(store.final('h', 'g')).toMatchObject({ t: 2000, power: 2 })
    expect([store.newest, store.newestFinal]).toEqual([4000, 2000])
    expect(final).toHaveBeenCalledTimes(1)
  })

  it('stays where it is when a new stream begins with an older tick', () => {
    sources[0]?.say('aggregates', tick(2000, 2))
    sources[0]?.say('preview', tick(5000, 5))
    sources[0]?.say('error')
    vi.advanceTimersByTime(1000)
    sources[1]?.say('aggregates', tick(1000, 1))
    expect(store.final('h', 'g')?.t).toBe(2000)
    sources[1]?.say('aggregates', tick(3000, 3))
    expect(store.final('h', 'g')?.t).toBe(3000)
    expect(store.group('h', 'g')?.t).toBe(5000)
  })

  it('goes back with a hierarchy that begins anew', () => {
    sources[0]?.say('aggregates', tick(9000, 9))
    sources[0]?.say('preview', tick(12_000, 12))
    vi.advanceTimersByTime(10_001)
    sources[0]?.say('aggregates', tick(2000, 2))
    expect(store.group('h', 'g')).toMatchObject({ t: 2000, power: 2 })
    expect(store.final('h', 'g')).toMatchObject({ t: 2000, power: 2 })
  })

  it('says when a hierarchy is formed in another way', () => {
    const changed = vi.fn()
    store.subscribe('revision', changed)
    sources[0]?.say('aggregates', tick(1000, 1))
    sources[0]?.say('aggregates', tick(2000, 2))
    expect(changed).not.toHaveBeenCalled()
    sources[0]?.say('aggregates', { ...tick(3000, 3), revision: 2 })
    expect(changed).toHaveBeenCalledTimes(1)
  })

  it('asks anew only for what it does not get yet', () => {
    const ask = (sensors: string[], groups?: string[]) => store.want({ sensors, groups })
    ask(['a', 'b'])
    expect(asked.at(-1)).toEqual({ sensors: ['a', 'b'], groups: undefined })
    ask(['b'])
    expect(asked).toHaveLength(2)
    ask(['b', 'c'])
    expect(asked.at(-1)?.sensors).toEqual(['b', 'c'])
    sources.at(-1)?.say('aggregates', tick(1000, 5))
    ask([], ['g', 'x'])
    expect(asked.at(-1)).toEqual({ sensors: [], groups: ['g', 'x'] })
    ask([], ['x'])
    expect(asked).toHaveLength(4)
    expect(store.group('h', 'g')?.power).toBe(5)
    ask([], ['x', 'y'])
    expect(store.group('h', 'g')).toBeUndefined()
    ask([])
    expect(asked.at(-1)?.groups).toBeUndefined()
  })

  describe('of a page that may be out of sight', () => {
    class FakePage extends EventTarget {
      visibilityState: DocumentVisibilityState = 'visible'
      turn(to: DocumentVisibilityState) {
        this.visibilityState = to
        this.dispatchEvent(new Event('visibilitychange'))
      }
    }
    let page: FakePage
    let said: string[]
    const open = (at: DocumentVisibilityState) => {
      stop()
      sources = []
      page = new FakePage()
      page.visibilityState = at
      store = new LiveStore(
        () => {
          const s = new FakeSource()
          sources.push(s)
          return s as unknown as EventSource
        },
        undefined,
        page,
      )
      said = []
      store.subscribe('connection', () => said.push(store.connection))
      stop = store.start()
    }

    it('keeps no stream when it is out of sight for a while, and takes it up at once when it is seen', () => {
      open('visible')
      sources[0]?.say('open')
      page.turn('hidden')
      vi.advanceTimersByTime(9000)
      page.turn('visible')
      vi.advanceTimersByTime(9000)
      expect(sources).toHaveLength(1)
      expect(sources[0]?.closed).toBe(false)
      page.turn('hidden')
      vi.advanceTimersByTime(10_000)
      expect(sources[0]?.closed).toBe(true)
      store.want({ sensors: ['a'], groups: undefined })
      vi.advanceTimersByTime(600_000)
      expect(sources).toHaveLength(1)
      page.turn('visible')
      expect(sources).toHaveLength(2)
      sources[1]?.say('open')
      expect(said).toEqual(['live', 'paused', 'connecting', 'live'])
    })

    it('does not try again out of sight, and tries at once when it is seen', () => {
      open('visible')
      page.turn('hidden')
      for (let i = 0; i < 4; i++) {
        sources.at(-1)?.say('error')
        vi.advanceTimersByTime(5000)
      }
      expect(store.connection).toBe('paused')
      const before = sources.length
      vi.advanceTimersByTime(600_000)
      expect(sources).toHaveLength(before)
      page.turn('visible')
      expect(sources).toHaveLength(before + 1)
      expect(store.connection).toBe('connecting')
    })

    it('waits for being seen when it is loaded out of sight', () => {
      open('hidden')
      store.ahead()
      vi.advanceTimersByTime(60_000)
      expect(sources).toHaveLength(0)
      page.turn('visible')
      expect(sources).toHaveLength(1)
      stop()
      page.turn('hidden')
      page.turn('visible')
      expect(sources).toHaveLength(1)
    })
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
