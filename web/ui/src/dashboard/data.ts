// What the dashboard shows, from the server and the live stream together.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api, type Column } from '../api/client'
import { live } from '../api/live'
import { Meter, nothing, Series, type Columns } from '../lib/series'
import { knownZone, startOfDay } from '../lib/zone'

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

