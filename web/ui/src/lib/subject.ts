// Sensors and groups as something to choose: what they are called, where they
// stand, which zone and unit they have.

import type { Known } from '../api/client'
import type { Hierarchy } from '../api/generated/types.gen'
import type { Source } from '../data/series'
import { unitOf } from './format'
import { duration, maxAge, type Index } from './tree'
import { knownZone } from './zone'

export interface Subject {
  kind: 'sensor' | 'group'
  id: string
}

export interface Entry extends Subject {
  key: string
  label: string
  /** Where it stands: the name of the group or hierarchy above. */
  where: string
  /** What is looked through, in small letters. */
  text: string
}

/** Which hierarchy each group stands in, and which groups each sensor is in first. */
interface Places {
  hierarchy: Map<string, Known<Hierarchy>>
  within: Map<string, string>
}

const places = new WeakMap<Index, Places>()

function placesOf(index: Index): Places {
  let p = places.get(index)
  if (p) return p
  p = { hierarchy: new Map(), within: new Map() }
  for (const h of index.model.hierarchies) {
    const todo = [h.root]
    for (let g = todo.pop(); g !== undefined; g = todo.pop()) {
      if (p.hierarchy.has(g)) continue
      p.hierarchy.set(g, h)
      for (const m of index.groups.get(g)?.members ?? []) {
        if (m.group !== undefined) todo.push(m.group)
        else if (m.sensor !== undefined && !p.within.has(m.sensor)) p.within.set(m.sensor, g)
      }
    }
  }
  places.set(index, p)
  return p
}

/** The hierarchy that a group, or the first group of a sensor, stands in. */
export function hierarchyOf(index: Index, s: Subject): Known<Hierarchy> | undefined {
  const p = placesOf(index)
  const g = s.kind === 'group' ? s.id : p.within.get(s.id)
  return g === undefined ? undefined : p.hierarchy.get(g)
}

/** The zone of its site. */
export function zoneOf(index: Index, s: Subject): string {
  const own = s.kind === 'sensor' ? index.sensors.get(s.id)?.site : undefined
  const site = own ?? hierarchyOf(index, s)?.site
  return knownZone(site === undefined ? undefined : index.sites.get(site)?.zone)
}

export function nameOf(index: Index, s: Subject): string {
  if (s.kind === 'sensor') return index.sensors.get(s.id)?.name ?? s.id
  const h = placesOf(index).hierarchy.get(s.id)
  return h?.root === s.id ? index.hierarchyName(h) : index.groupName(s.id)
}

/** Whether the model has it. */
export function exists(index: Index, s: Subject): boolean {
  return s.kind === 'sensor' ? index.sensors.has(s.id) : placesOf(index).hierarchy.has(s.id)
}

/** What an address speaks of. */
interface Named {
  h?: string | undefined
  g?: string | undefined
  s?: string | undefined
}

/** Something that an address speaks of and the model does not have. */
export interface Missing {
  kind: 'sensor' | 'group' | 'hierarchy'
  id: string
  /** A group that the model has, below no hierarchy. */
  loose: boolean
}

/** The first of what the address speaks of that is not there; what is named most exactly counts. */
export function missing(index: Index, { h, g, s }: Named): Missing | undefined {
  if (s !== undefined) return index.sensors.has(s) ? undefined : { kind: 'sensor', id: s, loose: false }
  if (g !== undefined) return exists(index, { kind: 'group', id: g }) ? undefined : { kind: 'group', id: g, loose: index.groups.has(g) }
  if (h !== undefined && !index.model.hierarchies.some((x) => x.id === h)) return { kind: 'hierarchy', id: h, loose: false }
  return undefined
}

/** The hierarchy in which a page shows a group: the named one where the group stands in it, else its own. */
export function shownIn(index: Index, h: string | undefined, g: string | undefined): Known<Hierarchy> | undefined {
  const named = index.model.hierarchies.find((x) => x.id === h)
  if (g === undefined) return named ?? index.model.hierarchies[0]
  return named && index.path(named.id, g).length > 0 ? named : hierarchyOf(index, { kind: 'group', id: g })
}

/** Where its values come from. */
export function sourceOf(index: Index, s: Subject): Source | undefined {
  const label = nameOf(index, s)
  if (s.kind === 'sensor') {
    const sensor = index.sensors.get(s.id)
    return sensor && { kind: 'sensor', id: s.id, label, unit: unitOf(sensor.quantity), gap: maxAge(sensor) }
  }
  const h = placesOf(index).hierarchy.get(s.id)
  return h && { kind: 'group', hierarchy: h.id, id: s.id, column: index.metered.has(s.id) ? 'meter' : 'sum', label, unit: 'W', gap: 4 * (duration(h.tick) ?? 1000) }
}

/** All groups in the order of their trees, then all sensors. */
export function entries(index: Index, kinds: readonly Subject['kind'][] = ['group', 'sensor']): Entry[] {
  const out: Entry[] = []
  const p = placesOf(index)
  const add = (s: Subject, where: string) => {
    const label = nameOf(index, s)
    out.push({ ...s, key: `${s.kind}:${s.id}`, label, where, text: `${label}\n${s.id}\n${where}`.toLowerCase() })
  }
  if (kinds.includes('group')) for (const [g, h] of p.hierarchy) add({ kind: 'group', id: g }, g === h.root ? '' : index.hierarchyName(h))
  if (kinds.includes('sensor')) {
    for (const s of index.model.sensors) {
      const g = p.within.get(s.id)
      add({ kind: 'sensor', id: s.id }, g === undefined ? '' : nameOf(index, { kind: 'group', id: g }))
    }
  }
  return out
}

/** Those that have all the words, as parts of their name, identifier or place. */
export function find(all: readonly Entry[], wanted: string): readonly Entry[] {
  const words = wanted.toLowerCase().split(/\s+/).filter((w) => w !== '')
  return words.length === 0 ? all : all.filter((e) => words.every((w) => e.text.includes(w)))
}
