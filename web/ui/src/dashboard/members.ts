// What each member of a group takes now, from the live stream.

import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { composition } from '../api/dashboard'
import { live } from '../api/live'
import { useFollowed } from '../data/model'
import type { Share } from '../lib/shares'
import { maxAge, type Index } from '../lib/tree'

/** More sensors of one group are not followed one by one. */
const mostFollowed = 200
/** How often it is drawn anew at most, ms: pictures of shares cost far more than the numbers in the tree, which follow every tick. */
const pace = 10_000
/** So often while values are still coming in, and for how long. */
const paceFirst = 900
const first = 10_000

export interface Members {
  list: Share[]
  /** Null when not known, undefined when the group has no meter. */
  unaccounted: number | null | undefined
  /** What the shares are of. */
  whole: number | null
  /** Nothing of it was said yet. */
  waits: boolean
}

/** The members of a group with the signs by which they count; its meter is none of them. */
export function useMembers(index: Index, hierarchy: string, group: string): Members {
  const members = useMemo(() => (index.groups.get(group)?.members ?? []).filter((m) => m.meter !== true), [index, group])
  const sensors = useMemo(() => members.flatMap((m) => (m.sensor === undefined ? [] : [m.sensor])), [members])
  const followed = sensors.length <= mostFollowed
  const groups = useMemo(() => [group, ...members.flatMap((m) => (m.group === undefined ? [] : [m.group]))], [members, group])
  useFollowed(followed ? sensors : [], groups)

  const asked = useQuery({ queryKey: ['members-now', group], queryFn: ({ signal }) => composition(group, signal), enabled: !followed, refetchInterval: 10_000 })
  const parts = useMemo(() => new Map((asked.data?.parts ?? []).map((p) => [`${p.kind} ${p.id}`, p.value])), [asked.data])
  const metered = index.metered.has(group)

  const read = useMemo(() => {
    return (): Members => {
      const now = live.newest === 0 ? Date.now() : live.newest
      const list = members.map((m): Share => {
        const sign = m.sign === -1 ? -1 : 1
        if (m.group !== undefined) {
          const v = live.group(hierarchy, m.group)?.power ?? null
          return { id: m.group, kind: 'group', label: index.groupName(m.group), value: v === null ? null : v * sign }
        }
        const s = index.sensor(m.sensor ?? '')
        const v = followed ? live.sensor(s.id) : undefined
        const value = followed ? (v === undefined || now - v.t > maxAge(s) ? null : v.value) : (parts.get(`sensor ${s.id}`) ?? null)
        return { id: s.id, kind: 'sensor', label: s.name ?? s.id, value: value === null ? null : value * sign }
      })
      const whole = live.group(hierarchy, group)
      return { list, unaccounted: metered ? (whole?.unaccounted ?? null) : undefined, whole: whole?.power ?? null, waits: whole === undefined }
    }
  }, [index, members, hierarchy, group, followed, parts, metered])

  const [shown, setShown] = useState(read)
  useEffect(() => {
    const began = Date.now()
    let last = 0
    let known = false
    const show = () => {
      const now = Date.now()
      // The first values are not kept waiting.
      if (known && now - last < (now - began < first ? paceFirst : pace)) return
      last = now
      const m = read()
      known = m.list.some((s) => s.value !== null)
      setShown(m)
    }
    show()
    return live.subscribe(`h\n${hierarchy}`, show)
  }, [read, hierarchy])
  return shown
}
