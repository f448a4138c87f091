// The tree as rows: every hierarchy with its groups and sensors, in the order
// of the model, only what is unfolded.

import { t } from '@lingui/core/macro'
import type { Known, Model } from '../api/client'
import type { Hierarchy, Member, Sensor, Site } from '../api/generated/types.gen'

interface Base {
  /** Unique in the tree: the way to it. */
  key: string
  /** The key of the row above it in the tree; '' at the top. */
  parent: string
  label: string
  level: number
  position: number
  siblings: number
  open: boolean
  folds: boolean
}

export interface SiteRow extends Base {
  kind: 'site'
  site: Known<Site>
}

export interface GroupRow extends Base {
  kind: 'group'
  hierarchy: string
  group: string
  /** The group it is a part of, for its share. */
  within: string | undefined
  sign: number
  /** The name of its site, where no row of its own says it. */
  site: string | undefined
}

export interface SensorRow extends Base {
  kind: 'sensor'
  hierarchy: string
  sensor: Known<Sensor>
  within: string
  sign: number
  meter: boolean
}

export interface UnaccountedRow extends Base {
  kind: 'unaccounted'
  hierarchy: string
  within: string
}

/** Above the sensors that stand in no group. */
export interface LooseRow extends Base {
  kind: 'loose'
}

export type Row = SiteRow | GroupRow | SensorRow | UnaccountedRow | LooseRow

export class Index {
  readonly groups
  readonly sensors
  readonly sites
  /** The groups that have a meter of their own. */
  readonly metered
  /** The group that each group is a member of; there is one at most. */
  private readonly above = new Map<string, string>()
  /** The groups that each sensor is a member of. */
  private readonly holders = new Map<string, string[]>()
  /** `seen` are sensors that send and are not in the model, as far as it is known what they measure. */
  constructor(
    readonly model: Model,
    private readonly seen: readonly Known<Sensor>[] = [],
  ) {
    this.groups = new Map(model.groups.map((g) => [g.id, g]))
    this.sensors = new Map(model.sensors.map((s) => [s.id, s]))
    this.sites = new Map(model.sites.map((s) => [s.id, s]))
    this.metered = new Set(model.groups.filter((g) => g.members?.some((m) => m.meter)).map((g) => g.id))
    for (const g of model.groups) {
      for (const m of g.members ?? []) {
        if (m.group !== undefined) this.above.set(m.group, g.id)
        if (m.sensor !== undefined) this.holders.set(m.sensor, [...(this.holders.get(m.sensor) ?? []), g.id])
      }
    }
  }

  /** The groups that a sensor is a member of. */
  groupsOf(sensor: string): readonly string[] {
    return this.holders.get(sensor) ?? []
  }

  /** The group that a group is a member of. */
  over(group: string): string | undefined {
    return this.above.get(group)
  }

  /** Where a sensor stands; undefined when in no hierarchy. */
  placeOf(sensor: string): { hierarchy: string; group: string } | undefined {
    for (const group of this.groupsOf(sensor)) {
      for (const h of this.model.hierarchies) if (this.path(h.id, group).length > 0) return { hierarchy: h.id, group }
    }
    return undefined
  }

  groupName(id: string): string {
    return this.groups.get(id)?.name ?? id
  }

  sensor(id: string): Known<Sensor> {
    return this.sensors.get(id) ?? this.seen.find((s) => s.id === id) ?? { id, quantity: '' }
  }

  hierarchyName(h: Known<Hierarchy>): string {
    return h.name ?? this.groupName(h.root)
  }

  /** The way from the root to a group of a hierarchy, both included; empty when it is not there. */
  path(hierarchy: string, group: string): string[] {
    const root = this.model.hierarchies.find((h) => h.id === hierarchy)?.root
    const way: string[] = []
    for (let g: string | undefined = group; g !== undefined && !way.includes(g); g = this.above.get(g)) {
      way.unshift(g)
      if (g === root) return way
    }
    return []
  }
}

/** What a search has found. */
export interface Found {
  /** Groups of which something is shown. */
  groups: ReadonlySet<string>
  sensors: ReadonlySet<string>
  /** Groups that were found themselves: all that is in them is shown. */
  whole: ReadonlySet<string>
  /** Groups in which something else was found. */
  open: ReadonlySet<string>
}

/** Looks for all words in names and identifiers; undefined when nothing is searched for. */
export function find(index: Index, query: string): Found | undefined {
  const words = query.toLowerCase().split(/\s+/).filter((w) => w !== '')
  if (words.length === 0) return undefined
  const fits = (...texts: (string | undefined)[]) => {
    const all = texts.join(' ').toLowerCase()
    return words.every((w) => all.includes(w))
  }
  const groups = new Set<string>()
  const open = new Set<string>()
  const up = (g: string | undefined) => {
    for (; g !== undefined && !open.has(g); g = index.over(g)) {
      groups.add(g)
      open.add(g)
    }
  }
  const roots = new Map(index.model.hierarchies.map((h) => [h.root, index.hierarchyName(h)]))
  const whole = new Set(index.model.groups.filter((g) => fits(g.id, g.name, roots.get(g.id))).map((g) => g.id))
  for (const g of whole) {
    groups.add(g)
    up(index.over(g))
  }
  const sensors = new Set<string>()
  for (const s of index.model.sensors) {
    if (!fits(s.id, s.name)) continue
    sensors.add(s.id)
    for (const g of index.groupsOf(s.id)) up(g)
  }
  return { groups, sensors, whole, open }
}

/** The keys of the rows on the way to a group of a hierarchy, itself included. */
export function keysTo(index: Index, hierarchy: string, group: string): string[] {
  const h = index.model.hierarchies.find((x) => x.id === hierarchy)
  const way = index.path(hierarchy, group)
  if (!h || way.length === 0) return []
  const site = hasSites(index) ? `@${encodeURIComponent(h.site ?? '')}` : ''
  let key = `${site}/${encodeURIComponent(h.id)}`
  const out = site === '' ? [key] : [site, key]
  for (const g of way.slice(1)) out.push((key += `/${encodeURIComponent(g)}`))
  return out
}

/** A row for each site helps when a site has several hierarchies; else it is one more to unfold. */
function hasSites(index: Index): boolean {
  const used = new Set(index.model.hierarchies.map((h) => h.site ?? ''))
  return used.size > 1 && used.size < index.model.hierarchies.length
}

/** The rows to show, given which keys are unfolded: of everything, or of what was found; with `loose`, sensors in no group too. */
export function rows(index: Index, isOpen: (key: string, level: number, group?: string) => boolean, found?: Found, loose = false): Row[] {
  const out: Row[] = []
  const withSites = hasSites(index)
  const hierarchies = found ? index.model.hierarchies.filter((h) => found.groups.has(h.root)) : index.model.hierarchies

  const walk = (h: Known<Hierarchy>, id: string, at: Omit<GroupRow, 'kind' | 'hierarchy' | 'group' | 'open' | 'folds'>, above: Set<string>, seen: Found | undefined) => {
    const within = seen?.whole.has(id) ? undefined : seen
    const all = index.groups.get(id)?.members ?? []
    const members = within ? all.filter((m) => (m.group !== undefined ? within.groups.has(m.group) : within.sensors.has(m.sensor ?? ''))) : all
    const open = members.length > 0 && isOpen(at.key, at.level, id)
    out.push({ ...at, kind: 'group', hierarchy: h.id, group: id, open, folds: members.length > 0 })
    if (!open || above.has(id)) return
    const metered = index.metered.has(id) && within === undefined
    const siblings = members.length + (metered ? 1 : 0)
    const inside = new Set(above).add(id)
    members.forEach((m: Member, i) => {
      const base = { parent: at.key, level: at.level + 1, position: i + 1, siblings, within: id, sign: m.sign === -1 ? -1 : 1, site: undefined }
      if (m.group !== undefined) {
        walk(h, m.group, { ...base, key: `${at.key}/${encodeURIComponent(m.group)}`, label: index.groupName(m.group) }, inside, within)
      } else if (m.sensor !== undefined) {
        const sensor = index.sensor(m.sensor)
        out.push({
          ...base, kind: 'sensor', key: `${at.key}/:${encodeURIComponent(m.sensor)}`, label: sensor.name ?? sensor.id, hierarchy: h.id, sensor,
          meter: m.meter === true, open: false, folds: false,
        })
      }
    })
    if (metered) {
      out.push({
        kind: 'unaccounted', key: `${at.key}/?`, parent: at.key, label: t`Unaccounted`, level: at.level + 1, position: siblings, siblings,
        hierarchy: h.id, within: id, open: false, folds: false,
      })
    }
  }

  const alone = loose ? index.model.sensors.filter((s) => index.groupsOf(s.id).length === 0 && (found?.sensors.has(s.id) ?? true)) : []
  const extra = alone.length > 0 ? 1 : 0

  const top = (hs: Known<Hierarchy>[], level: number, parent: string, more: number) => {
    hs.forEach((h, i) => {
      walk(h, h.root, {
        key: `${parent}/${encodeURIComponent(h.id)}`, parent, label: index.hierarchyName(h), level, position: i + 1, siblings: hs.length + more, within: undefined, sign: 1,
        site: withSites || h.site === undefined ? undefined : (index.sites.get(h.site)?.name ?? h.site),
      }, new Set(), found)
    })
  }

  let tops = hierarchies.length
  if (withSites) {
    const ids = [...new Set(hierarchies.map((h) => h.site ?? ''))]
    tops = ids.length
    ids.forEach((id, i) => {
      const site = index.sites.get(id) ?? { id, name: id === '' ? t`Everywhere` : id }
      const key = `@${encodeURIComponent(id)}`
      const open = isOpen(key, 1)
      out.push({ kind: 'site', key, parent: '', label: site.name ?? site.id, level: 1, position: i + 1, siblings: ids.length + extra, open, folds: true, site })
      if (open) top(hierarchies.filter((h) => (h.site ?? '') === id), 2, key, 0)
    })
  } else {
    top(hierarchies, 1, '', extra)
  }
  if (alone.length > 0) {
    const open = isOpen('~', 1)
    out.push({ kind: 'loose', key: '~', parent: '', label: t`In no group`, level: 1, position: tops + 1, siblings: tops + 1, open, folds: true })
    if (open) {
      alone.forEach((sensor, i) => {
        out.push({
          kind: 'sensor', key: `~/:${encodeURIComponent(sensor.id)}`, parent: '~', label: sensor.name ?? sensor.id, level: 2, position: i + 1, siblings: alone.length,
          hierarchy: '', sensor, within: '', sign: 1, meter: false, open: false, folds: false,
        })
      })
    }
  }
  return out
}

const unit: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Go's way to write durations ("1m30s"), in ms; undefined when it is none. */
export function duration(s: string | undefined): number | undefined {
  if (!s) return undefined
  let ms = 0
  let rest = s
  while (rest !== '') {
    const m = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/.exec(rest)
    if (!m) return undefined
    ms += Number(m[1]) * (unit[m[2] ?? ''] ?? 0)
    rest = rest.slice(m[0].length)
  }
  return ms
}

/** Quantities whose sensors are counters unless they say otherwise. */
const counted = new Set(['energy', 'reactive_energy', 'apparent_energy', 'volume', 'charge', 'duration', 'count'])

/** Whether the values of a sensor are counter readings. */
export function counts({ kind, quantity }: Pick<Sensor, 'kind' | 'quantity'>): boolean {
  return kind === 'counter' || (kind === undefined && counted.has(quantity))
}

/** How old a sensor's value may be and still count, ms; Infinity when unlimited. */
export function maxAge(s: Pick<Sensor, 'interval' | 'maxAge'>): number {
  if (s.maxAge === 'unlimited') return Infinity
  return duration(s.maxAge) ?? 3 * (duration(s.interval) ?? 60_000)
}
