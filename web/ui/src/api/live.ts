// The live stream: one connection for the whole page, kept outside of React,
// so that a value that moves redraws only what shows it.

import { useSyncExternalStore } from 'react'
import { api } from './client'
import type { Aggregates, Records } from './generated/types.gen'
import { watchShown, type Page } from './shown'

/** An event as the server writes it: its columns are always there. */
type Event<T> = { [K in keyof T]: NonNullable<T[K]> }

/** Paused: the page is out of sight, and nothing comes until it is seen. */
export type Connection = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'paused'

/** What is asked of the stream. */
export interface Wanted {
  /** Their records too. */
  sensors: string[]
  /** Ticks of these alone; undefined: of all there are, as far as the server's limit goes. */
  groups: string[] | undefined
}

/** A group at one tick. */
export interface GroupValue {
  group: string
  t: number
  /** How far the tick lay behind the clock when it came, ms: more than some seconds while the program catches up. */
  behind: number
  sum: number | null
  count: number
  total: number
  meter: number | null
  unaccounted: number | null
  /** What counts: of a group with a meter that meter, else the sum. One never stands in for the other. */
  power: number | null
  /** Told when the tick was reached; the tick as it is kept comes some seconds later and may differ. */
  preview: boolean
}

export interface SensorValue {
  t: number
  value: number
}

type Listener = () => void

/** A stream is called broken when nothing came for this long; comments come every 15 s. */
const silence = 40_000
const retryFirst = 1000
const retryMost = 15_000
const offlineAfter = 20_000
/** Without the stream for this long, ticks were missed. */
const missable = 3000
/** A hierarchy without final ticks for this long may begin anew at an earlier time; the server says the same. */
const stalled = 10_000

/** The topic of streams that begin after ticks were missed: what was drawn of them has a hole. */
export const afterMissing = 'missed'

export class LiveStore {
  connection: Connection = 'connecting'
  /** The newest tick of any hierarchy, ms. */
  newest = 0
  /** The newest tick of any hierarchy that will not change any more, ms. */
  newestFinal = 0
  private shown = new Map<string, GroupValue>()
  private finals = new Map<string, GroupValue>()
  /** Of each hierarchy the last final tick, when it came, and the revision it was formed by. */
  private last = new Map<string, { t: number; came: number; revision: number }>()
  private sensors = new Map<string, SensorValue>()
  private listeners = new Map<string, Set<Listener>>()
  private metered: ReadonlySet<string> = new Set()
  private follows = new Map<symbol, Wanted>()
  private wanted: Wanted = { sensors: [], groups: undefined }
  private source: EventSource | undefined
  private retry = retryFirst
  private timer: ReturnType<typeof setTimeout> | undefined
  private watch: ReturnType<typeof setInterval> | undefined
  private heard = 0
  /** Since when the stream does not bring what happens; undefined while it does. */
  private without: number | undefined
  private lostAt: number | undefined
  private users = 0
  private unwatch: (() => void) | undefined

  constructor(
    private readonly open: (wanted: Wanted) => EventSource = ({ sensors, groups }) =>
      new EventSource(api.streamURL({ preview: true, sensor: sensors, group: groups ?? [] })),
    private readonly now: () => number = () => Date.now(),
    private readonly page: Page | undefined = typeof document === 'undefined' ? undefined : document,
  ) {}

  /** Connects before anybody has started, so that the first tick is there when somebody does. */
  ahead(): void {
    if (!this.source && this.page?.visibilityState !== 'hidden') this.connect()
  }

  /** Follows the stream, while the page is in sight, until the returned function is called. */
  start(): () => void {
    if (++this.users === 1) {
      this.ahead()
      if (this.page) this.unwatch = watchShown(() => this.pause(), () => this.resume(), this.page)
      this.watch = setInterval(() => this.check(), 5000)
    }
    return () => {
      if (--this.users > 0) return
      this.unwatch?.()
      clearInterval(this.watch)
      clearTimeout(this.timer)
      this.source?.close()
      this.source = undefined
    }
  }

  /** Follows these too, until the returned function is called. */
  follow(wanted: Wanted): () => void {
    const mine = Symbol()
    this.follows.set(mine, wanted)
    this.want(this.union())
    return () => {
      this.follows.delete(mine)
    }
  }

  private union(): Wanted {
    const all = [...this.follows.values()]
    const groups = all.some((w) => w.groups === undefined) ? undefined : [...new Set(all.flatMap((w) => w.groups ?? []))]
    return { sensors: [...new Set(all.flatMap((w) => w.sensors))], groups }
  }

  /** Connects anew only when something is missing. What is no longer asked for is forgotten then. */
  want(wanted: Wanted): void {
    const { sensors, groups } = this.wanted
    const same = groups === undefined ? wanted.groups === undefined : wanted.groups !== undefined && includesAll(groups, wanted.groups)
    if (same && includesAll(sensors, wanted.sensors)) return
    this.wanted = wanted
    if (wanted.groups) {
      const kept = new Set(wanted.groups)
      for (const values of [this.shown, this.finals]) {
        for (const [key, v] of values) if (!kept.has(v.group)) values.delete(key)
      }
    }
    if (this.source) this.connect()
  }

  /** Says which groups have a meter of their own, as the model has it. */
  setMetered(groups: ReadonlySet<string>): void {
    this.metered = groups
    // Ticks may have come before the model did.
    for (const values of [this.shown, this.finals]) {
      for (const [key, v] of values) {
        const power = this.powerOf(v.group, v.meter, v.sum)
        if (power !== v.power) values.set(key, { ...v, power })
      }
    }
  }

  private powerOf(group: string, meter: number | null, sum: number | null): number | null {
    return this.metered.has(group) ? meter : sum
  }

  /** What to show of a group: its newest tick, which may be a preview. */
  group(hierarchy: string, group: string): GroupValue | undefined {
    return this.shown.get(`${hierarchy}\n${group}`)
  }

  /** The newest tick of a group that will not change any more: what to count on. */
  final(hierarchy: string, group: string): GroupValue | undefined {
    return this.finals.get(`${hierarchy}\n${group}`)
  }

  sensor(id: string): SensorValue | undefined {
    return this.sensors.get(id)
  }

  /** Takes values that came by another way, if they are newer. */
  seed(id: string, t: number, value: number): void {
    const old = this.sensors.get(id)
    if (old && old.t >= t) return
    this.sensors.set(id, { t, value })
    this.tell(`s\n${id}`)
  }

  subscribe(key: string, listener: Listener): () => void {
    let set = this.listeners.get(key)
    if (!set) this.listeners.set(key, (set = new Set()))
    set.add(listener)
    return () => {
      set.delete(listener)
    }
  }

  private tell(key: string): void {
    for (const l of this.listeners.get(key) ?? []) l()
  }

  private become(c: Connection): void {
    if (this.connection === c) return
    this.connection = c
    this.tell('connection')
  }

  private pause(): void {
    clearTimeout(this.timer)
    this.source?.close()
    this.source = undefined
    this.retry = retryFirst
    this.lostAt = undefined
    this.become('paused')
  }

  private resume(): void {
    if (this.source) return
    this.become('connecting')
    this.connect()
  }

  private connect(): void {
    clearTimeout(this.timer)
    this.source?.close()
    const source = this.open(this.wanted)
    this.source = source
    // What came last, not when the loss was noticed: a computer may have slept in between.
    this.without ??= this.heard === 0 ? this.now() : this.heard
    this.heard = this.now()
    source.addEventListener('open', () => {
      const missed = this.without !== undefined && this.now() - this.without > missable
      this.without = undefined
      this.heard = this.now()
      this.retry = retryFirst
      this.lostAt = undefined
      this.become('live')
      if (missed) this.tell(afterMissing)
    })
    source.addEventListener('aggregates', (e: MessageEvent<string>) => this.takeTick(JSON.parse(e.data) as Event<Aggregates>, false))
    source.addEventListener('preview', (e: MessageEvent<string>) => this.takeTick(JSON.parse(e.data) as Event<Aggregates>, true))
    source.addEventListener('records', (e: MessageEvent<string>) => this.takeRecords(JSON.parse(e.data) as Event<Records>))
    source.addEventListener('error', () => {
      if (this.source === source) this.lost()
    })
  }

  private lost(): void {
    this.without ??= this.heard
    this.source?.close()
    if (this.users === 0) {
      this.source = undefined
      return
    }
    this.lostAt ??= this.now()
    this.become(this.now() - this.lostAt > offlineAfter || isOffline() ? 'offline' : 'reconnecting')
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.connect(), this.retry)
    this.retry = Math.min(this.retry * 2, retryMost)
  }

  /** The browser does not show us comments, so only a stream with ticks can be seen to be silent. */
  private check(): void {
    if (this.connection === 'live' && this.newest > 0 && this.now() - this.heard > silence) this.lost()
  }

  private takeTick(a: Event<Aggregates>, preview: boolean): void {
    const now = this.now()
    this.heard = now
    const last = this.last.get(a.hierarchy)
    let anew = false
    if (!preview) {
      anew = last !== undefined && a.t < last.t && now - last.came > stalled
      if (last !== undefined && a.t < last.t && !anew) return
      this.last.set(a.hierarchy, { t: a.t, came: now, revision: a.revision })
      this.newestFinal = Math.max(this.newestFinal, a.t)
    }
    const behind = Math.max(0, now - a.t)
    for (let i = 0; i < a.group.length; i++) {
      const meter = a.meter[i] ?? null
      const sum = a.sum[i] ?? null
      const group = a.group[i] ?? ''
      const key = `${a.hierarchy}\n${group}`
      const v: GroupValue = {
        group, t: a.t, behind, preview, sum, count: a.count[i] ?? 0, total: a.total[i] ?? 0, meter, unaccounted: a.unaccounted[i] ?? null,
        power: this.powerOf(group, meter, sum),
      }
      if (!preview) this.finals.set(key, v)
      // Finals come after previews of later ticks: what is shown goes forward only.
      const old = this.shown.get(key)
      if (!old || anew || v.t > old.t || (v.t === old.t && !preview)) this.shown.set(key, v)
    }
    this.newest = Math.max(this.newest, a.t)
    this.tell(`h\n${a.hierarchy}`)
    if (!preview) this.tell(`f\n${a.hierarchy}`)
    if (!preview && last !== undefined && last.revision !== a.revision) this.tell('revision')
    this.tell('newest')
  }

  private takeRecords(r: Event<Records>): void {
    this.heard = this.now()
    const changed = new Set<string>()
    for (let i = 0; i < r.t.length; i++) {
      const id = r.sensor[i] ?? ''
      const t = r.t[i] ?? 0
      const old = this.sensors.get(id)
      if (old && old.t > t) continue
      const value = r.value[i]
      if (typeof value === 'number') this.sensors.set(id, { t, value })
      else this.sensors.delete(id)
      changed.add(id)
    }
    for (const id of changed) this.tell(`s\n${id}`)
  }
}

export const live = new LiveStore()

/** The topic of the ticks of a hierarchy, previews too. */
export const ofGroups = (hierarchy: string) => `h\n${hierarchy}`

export function useSensor(id: string): SensorValue | undefined {
  return useSyncExternalStore(
    (l) => live.subscribe(`s\n${id}`, l),
    () => live.sensor(id),
  )
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (l) => live.subscribe('connection', l),
    () => live.connection,
  )
}

/** The newest tick in whole seconds: what "now" is for ages, also in a replay. */
export function useNewest(): number {
  return useSyncExternalStore(
    (l) => live.subscribe('newest', l),
    () => Math.floor(live.newest / 1000) * 1000,
  )
}

function includesAll(have: string[], some: string[]): boolean {
  const set = new Set(have)
  return some.every((x) => set.has(x))
}

function isOffline(): boolean {
  return typeof navigator !== 'undefined' && 'onLine' in navigator && !navigator.onLine
}
