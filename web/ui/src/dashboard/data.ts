// What the dashboard shows, from the server and the live stream together.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api, type Column } from '../api/client'
import { live } from '../api/live'
import { Meter } from '../lib/series'
import { knownZone, startOfDay } from '../lib/zone'

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

