// What the dashboard shows, from the server and the live stream together.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { api, type Column } from '../api/client'
import { live } from '../api/live'
import { Meter, nothing, Series, type Columns } from '../lib/series'
import { Index } from '../lib/tree'
import { knownZone, startOfDay } from '../lib/zone'

/** The model, fetched again now and then; the stream says when it has changed. */
export function useModel() {
  const q = useQuery({
    queryKey: ['model'],
    queryFn: ({ signal }) => api.model(signal),
    staleTime: 10_000,
    // Names alone make no new revision of a tick; a model of megabytes is not fetched for them all the time.
    refetchInterval: ({ state }) => ((state.data?.sensors.length ?? 0) > 2000 ? 300_000 : 30_000),
  })
  const { refetch } = q
  useEffect(() => live.subscribe('revision', () => void refetch()), [refetch])
  const index = useMemo(() => (q.data ? new Index(q.data) : undefined), [q.data])
  useEffect(() => {
    if (index) live.setMetered(index.metered)
  }, [index])
  return { ...q, index }
}

export const hour = 3_600_000
const points = 720
const step = hour / points

export interface History {
  columns: Columns
  from: number
  to: number
  loading: boolean
  error: Error | null
  again: () => void
}

/** The last hour of a group, going on by itself. */
export function useLastHour(hierarchy: string, group: string, column: Column, tick: number): History {
  const q = useQuery({
    queryKey: ['last-hour', hierarchy, group, column],
    queryFn: async ({ signal }) => {
      const to = Date.now()
      return { range: await api.range(group, column, to - hour, to, points, signal), to }
    },
    staleTime: Infinity,
    gcTime: 0,
    retry: 1,
  })
  const [shown, setShown] = useState(() => ({ columns: nothing, to: Date.now() }))

  useEffect(() => {
    const s = new Series(step, Math.max(4 * step, 4 * tick))
    if (q.data) s.load(q.data.range)
    const take = () => {
      const v = live.final(hierarchy, group)
      if (v) {
        s.add(v.t, v.power)
        s.drop(v.t - hour - step)
      }
      setShown({ columns: s.columns(), to: Math.max(v?.t ?? 0, s.last, q.data?.to ?? 0) })
    }
    take()
    return live.subscribe(`f\n${hierarchy}`, take)
  }, [q.data, hierarchy, group, tick])

  return { columns: shown.columns, from: shown.to - hour, to: shown.to, loading: q.isPending, error: q.error, again: () => void q.refetch() }
}

/** Energy since midnight in the zone, Wh, going on by itself; null when nothing is known. */
export function useEnergyToday(hierarchy: string, group: string, column: Column, zoneName: string | undefined): { wh: number | null; loading: boolean; since: number } {
  const zone = knownZone(zoneName)
  const [day, setDay] = useState(() => startOfDay(Date.now(), zone))
  const q = useQuery({
    queryKey: ['energy-today', group, column, day],
    queryFn: async ({ signal }) => {
      // Up to the newest tick: what comes after it is added as it comes.
      const to = live.newestFinal > day ? live.newestFinal : Date.now()
      const e = await api.energy(group, day, to, signal)
      return { wh: (column === 'meter' ? e.meter : e.sum)?.value ?? null, to }
    },
    refetchInterval: 300_000,
    placeholderData: keepPreviousData,
    retry: 1,
  })
  const [wh, setWh] = useState<number | null>(null)

  useEffect(() => {
    if (!q.data || q.isPlaceholderData) return
    const meter = new Meter(q.data.wh, q.data.to, 60_000)
    const take = () => {
      const v = live.final(hierarchy, group)
      if (v) meter.add(v.t, v.power)
      setWh(meter.energy)
      const today = startOfDay(Date.now(), zone)
      if (today !== day) setDay(today)
    }
    take()
    return live.subscribe(`f\n${hierarchy}`, take)
  }, [q.data, q.isPlaceholderData, hierarchy, group, day, zone])

  return { wh: q.isPending ? null : wh, loading: q.isPending, since: day }
}

/** What does not change for a moment: whoever scrolls is not followed at every step. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const t = setTimeout(() => setSettled(value), 250)
    return () => clearTimeout(t)
  }, [value])
  return settled
}

const lines = (list: string) => (list === '' ? [] : list.split('\n'))

/** Makes sure the stream brings these sensors and groups (undefined: all), and fetches what the sensors said last. */
export function useFollowed(sensors: string[], groups: string[] | undefined): void {
  const wantedSensors = useSettled(sensors.join('\n'))
  const wantedGroups = useSettled(groups?.join('\n') ?? '')
  useEffect(() => {
    live.want({ sensors: lines(wantedSensors), groups: wantedGroups === '' ? undefined : lines(wantedGroups) })
  }, [wantedSensors, wantedGroups])
  useEffect(() => {
    const wanted = lines(wantedSensors)
    if (wanted.length === 0) return
    const stop = new AbortController()
    const ask = async () => {
      for (let i = 0; i < wanted.length; i += 50) {
        const latest = await api.latest(wanted.slice(i, i + 50), stop.signal)
        for (const s of latest.sensors ?? []) {
          if (s.time !== null && s.value !== null) live.seed(s.sensor, Date.parse(s.time), s.value)
        }
      }
    }
    ask().catch(() => {
      // Only a first picture; the stream brings the values when they come.
    })
    return () => stop.abort()
  }, [wantedSensors])
}
