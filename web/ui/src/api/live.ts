// The live stream: one connection for the whole page, kept outside of React,
// so that a value that moves redraws only what shows it.

import { useSyncExternalStore } from 'react'
import { api } from './client'
import type { Aggregates, Records } from './types'

export type Connection = 'connecting' | 'live' | 'reconnecting' | 'offline'

/** A group at one tick. */
export interface GroupValue {
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

export class LiveStore {
  connection: Connection = 'connecting'
  /** The newest tick of any hierarchy, ms. */
  newest = 0
  private groups = new Map<string, GroupValue>()
  private sensors = new Map<string, SensorValue>()
  private listeners = new Map<string, Set<Listener>>()
  private metered: ReadonlySet<string> = new Set()
  private wanted: string[] = []
  private source: EventSource | undefined
  private retry = retryFirst
  private timer: ReturnType<typeof setTimeout> | undefined
  private watch: ReturnType<typeof setInterval> | undefined
  private heard = 0
  private lostAt: number | undefined
  private users = 0

  constructor(
    private readonly open: (sensors: string[]) => EventSource = (sensors) => new EventSource(api.streamURL(sensors)),
    private readonly now: () => number = () => Date.now(),
  ) {}

  /** Follows the stream until the returned function is called. */
  start(): () => void {
    if (++this.users === 1) {
      this.connect()
      this.watch = setInterval(() => this.check(), 5000)
    }
    return () => {
      if (--this.users > 0) return
      clearInterval(this.watch)
      clearTimeout(this.timer)
      this.source?.close()
      this.source = undefined
    }
  }

  /** Asks for records of these sensors too; connects anew only when one is missing. */
  want(sensors: string[]): void {
    const have = new Set(this.wanted)
    if (sensors.every((s) => have.has(s))) return
    this.wanted = sensors
    if (this.source) this.connect()
  }

  /** Says which groups have a meter of their own, as the model has it. */
  setMetered(groups: ReadonlySet<string>): void {
    this.metered = groups
  }

  group(hierarchy: string, group: string): GroupValue | undefined {
    return this.groups.get(`${hierarchy}\n${group}`)
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

  private connect(): void {
    clearTimeout(this.timer)
    this.source?.close()
    const source = this.open(this.wanted)
    this.source = source
    this.heard = this.now()
    source.addEventListener('open', () => {
      this.heard = this.now()
      this.retry = retryFirst
      this.lostAt = undefined
      this.become('live')
    })
    source.addEventListener('aggregates', (e: MessageEvent<string>) => this.takeAggregates(JSON.parse(e.data) as Aggregates))
    source.addEventListener('records', (e: MessageEvent<string>) => this.takeRecords(JSON.parse(e.data) as Records))
    source.addEventListener('error', () => {
      if (this.source === source) this.lost()
    })
  }

  private lost(): void {
    this.source?.close()
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

  takeAggregates(a: Aggregates): void {
    this.heard = this.now()
    const behind = Math.max(0, this.heard - a.t)
    for (let i = 0; i < a.group.length; i++) {
      const meter = a.meter[i] ?? null
      const sum = a.sum[i] ?? null
      const group = a.group[i] ?? ''
      this.groups.set(`${a.hierarchy}\n${group}`, {
        t: a.t, behind, sum, count: a.count[i] ?? 0, total: a.total[i] ?? 0, meter, unaccounted: a.unaccounted[i] ?? null,
        power: this.metered.has(group) ? meter : sum,
      })
    }
    this.newest = Math.max(this.newest, a.t)
    this.tell(`h\n${a.hierarchy}`)
    this.tell('newest')
  }

  takeRecords(r: Records): void {
    this.heard = this.now()
    const changed = new Set<string>()
    for (let i = 0; i < r.t.length; i++) {
      const id = r.sensor[i] ?? ''
      const t = r.t[i] ?? 0
      const old = this.sensors.get(id)
      if (old && old.t > t) continue
      this.sensors.set(id, { t, value: r.value[i] ?? 0 })
      changed.add(id)
    }
    for (const id of changed) this.tell(`s\n${id}`)
  }
}

export const live = new LiveStore()

export function useGroup(hierarchy: string | undefined, group: string | undefined): GroupValue | undefined {
  return useSyncExternalStore(
    (l) => live.subscribe(`h\n${hierarchy ?? ''}`, l),
    () => live.group(hierarchy ?? '', group ?? ''),
  )
}

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

function isOffline(): boolean {
  return typeof navigator !== 'undefined' && 'onLine' in navigator && !navigator.onLine
}
