// What the charts of a page are about: one sensor, or one group.

import type { Column, Known } from '../api/client'
import type { Hierarchy } from '../api/generated/types.gen'
import type { Source } from '../data/series'
import { unitOf } from '../lib/format'
import type { OwnUnit } from '../lib/own'
import { counts, duration, maxAge, type Index } from '../lib/tree'
import { knownZone } from '../lib/zone'

interface Common {
  id: string
  label: string
  /** Coherent unit of its values. */
  unit: string
  /** Zone of its site. */
  zone: string
  /** Values further apart than this are not joined, ms. */
  gap: number
  /** Its values are counter readings. */
  counter: boolean
}

export type Subject = (Common & { kind: 'group'; hierarchy: string; column: Column; own?: undefined }) | (Common & { kind: 'sensor'; own?: OwnUnit | undefined })

export const keyOf = (s: Subject) => (s.kind === 'group' ? `g\t${s.hierarchy}\t${s.id}\t${s.column}` : `s\t${s.id}`)

/** Where the lines of a chart come from. */
export const sourceOf = (s: Subject): Source =>
  s.kind === 'group'
    ? { kind: 'group', hierarchy: s.hierarchy, id: s.id, column: s.column, label: s.label, unit: s.unit, gap: s.gap }
    : { kind: 'sensor', id: s.id, label: s.label, unit: s.unit, own: s.own, gap: s.gap }

export function groupSubject(index: Index, h: Known<Hierarchy>, group: string): Subject {
  return {
    kind: 'group', hierarchy: h.id, id: group, column: index.metered.has(group) ? 'meter' : 'sum', unit: 'W', counter: false,
    label: group === h.root ? index.hierarchyName(h) : index.groupName(group),
    zone: knownZone(h.site === undefined ? undefined : index.sites.get(h.site)?.zone),
    gap: 4 * (duration(h.tick) ?? 1000),
  }
}

/** A sensor, whose values are shown in `own` where that is given. */
export function sensorSubject(index: Index, id: string, own?: OwnUnit): Subject {
  const s = index.sensor(id)
  const age = maxAge(s)
  return {
    kind: 'sensor', id, label: s.name ?? id, unit: unitOf(s.quantity), own,
    zone: knownZone(s.site === undefined ? undefined : index.sites.get(s.site)?.zone),
    gap: Number.isFinite(age) ? age : 86_400_000,
    counter: counts(s),
  }
}
