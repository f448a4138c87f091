// The model, and what the live stream brings, for all pages.

import { queryOptions, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { api } from '../api/client'
import { live } from '../api/live'
import { Index } from '../lib/tree'

export const modelQuery = queryOptions({
  queryKey: ['model'],
  queryFn: ({ signal }) => api.model(signal),
  staleTime: 10_000,
})

/** The model, fetched again now and then; the stream says when it has changed. */
export function useModel() {
  const q = useQuery({
    ...modelQuery,
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

/** What does not change for a moment: whoever scrolls is not followed at every step. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const t = setTimeout(() => setSettled(value), 250)
    return () => clearTimeout(t)
  }, [value])
  return settled
}

/** Stands for all groups; no identifier begins like this. */
const all = '\t'

const lines = (list: string) => (list === '' ? [] : list.split('\n'))

/** Makes sure the stream brings these sensors and groups (undefined: all), and fetches what the sensors said last. */
export function useFollowed(sensors: string[], groups: string[] | undefined): void {
  const wantedSensors = useSettled(sensors.join('\n'))
  const wantedGroups = useSettled(groups?.join('\n') ?? all)
  useEffect(() => {
    return live.follow({ sensors: lines(wantedSensors), groups: wantedGroups === all ? undefined : lines(wantedGroups) })
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
