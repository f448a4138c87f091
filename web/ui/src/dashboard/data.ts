// What the dashboard shows, from the server and the live stream together.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { api, ApiError, type Column } from '../api/client'
import { live } from '../api/live'
import { Meter } from '../lib/series'
import { knownZone, startOf, startOfDay } from '../lib/zone'

export interface EnergyToday {
  loading: boolean
  /** What it goes on with. */
  topic: string
  /** Wh up to the newest tick; null when nothing is known. */
  wh: () => number | null
  /** The part of the day so far that is known, and of its members, 0 to 1. */
  completeness: number
}

/** What is known of a day up to a time, ms. */
interface Known {
  wh: number | null
  completeness: number
  to: number
}

/** Settled windows and live readings; where nothing settles, the ticks of the group alone. */
async function known(group: string, column: Column, day: number, signal: AbortSignal): Promise<Known> {
  // Up to the newest tick: what comes after it is added as it comes.
  const newest = live.newestFinal > day ? live.newestFinal : undefined
  try {
    const d = await api.day(group, newest, signal)
    const of = column === 'meter' ? d.meter : d
    return { wh: of?.amount ?? null, completeness: of?.completeness ?? 0, to: d.at }
  } catch (e) {
    if (!(e instanceof ApiError) || e.status !== 404) throw e
  }
  const to = newest ?? Date.now()
  const e = await api.energy(group, day, to, signal)
  const of = column === 'meter' ? e.meter : e.sum
  return { wh: of?.value ?? null, completeness: of?.completeness ?? 0, to }
}

/** Energy since midnight in the zone, going on by itself. */
export function useEnergyToday(hierarchy: string, group: string, column: Column, zoneName: string | undefined): EnergyToday {
  const zone = knownZone(zoneName)
  const [day, setDay] = useState(() => startOfDay(Date.now(), zone))
  const q = useQuery({
    queryKey: ['energy-today', group, column, day],
    queryFn: ({ signal }) => known(group, column, day, signal),
    refetchInterval: 300_000,
    placeholderData: keepPreviousData,
    retry: 1,
  })
  const { data, isPlaceholderData, refetch } = q
  // Of the day before nothing is shown under the name of today.
  const meter = useMemo(() => (data && !isPlaceholderData ? new Meter(data.wh, data.to, 60_000) : undefined), [data, isPlaceholderData])
  const topic = `f\n${hierarchy}`

  useEffect(() => {
    if (!meter) return
    const ends = startOf('day', day, zone, 1)
    // Each tick counts, also while nothing is drawn.
    const take = () => {
      const v = live.final(hierarchy, group)
      // Ticks were missed: the server has what they came to.
      if (v && !meter.add(v.t, v.power)) void refetch()
      if (Date.now() >= ends) setDay(startOfDay(Date.now(), zone))
    }
    take()
    return live.subscribe(topic, take)
  }, [meter, topic, hierarchy, group, day, zone, refetch])

  return { loading: q.isPending || isPlaceholderData, topic, wh: () => meter?.energy ?? null, completeness: data?.completeness ?? 0 }
}
