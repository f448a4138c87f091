// What the dashboard shows, from the server and the live stream together.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { api, type Column } from '../api/client'
import { live } from '../api/live'
import { Meter } from '../lib/series'
import { knownZone, startOf, startOfDay } from '../lib/zone'

export interface EnergyToday {
  loading: boolean
  /** What it goes on with. */
  topic: string
  /** Wh up to the newest tick; null when nothing is known. */
  wh: () => number | null
}

/** Energy since midnight in the zone, going on by itself. */
export function useEnergyToday(hierarchy: string, group: string, column: Column, zoneName: string | undefined): EnergyToday {
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
  const { data, isPlaceholderData } = q
  // Of the day before nothing is shown under the name of today.
  const meter = useMemo(() => (data && !isPlaceholderData ? new Meter(data.wh, data.to, 60_000) : undefined), [data, isPlaceholderData])
  const topic = `f\n${hierarchy}`

  useEffect(() => {
    if (!meter) return
    const ends = startOf('day', day, zone, 1)
    // Each tick counts, also while nothing is drawn.
    const take = () => {
      const v = live.final(hierarchy, group)
      if (v) meter.add(v.t, v.power)
      if (Date.now() >= ends) setDay(startOfDay(Date.now(), zone))
    }
    take()
    return live.subscribe(topic, take)
  }, [meter, topic, hierarchy, group, day, zone])

  return { loading: q.isPending || isPlaceholderData, topic, wh: () => meter?.energy ?? null }
}
