// The tree as rows: every hierarchy with its groups and sensors, in the order
// of the model, only what is unfolded.

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

export type Row = SiteRow | GroupRow | SensorRow | UnaccountedRow

export class Index {
  readonly groups
  readonly sensors
  readonly sites
  /** The groups that have a meter of their own. */
  readonly metered
  /** The group that each group is a member of; there is one at most. */
  private readonly above = new Map<string, string>()
  constructor(readonly model: Model) {
    this.groups = new Map(model.groups.map((g) => [g.id, g]))
    this.sensors = new Map(model.sensors.map((s) => [s.id, s]))
    this.sites = new Map(model.sites.map((s) => [s.id, s]))
    this.metered = new Set(model.groups.filter((g) => g.members?.some((m) => m.meter)).map((g) => g.id))
    for (const g of model.groups) {
      for (const m of g.members ?? []) if (m.group !== undefined) this.above.set(m.group, g.id)
    }
  }

  groupName(id: string): string {
    return this.groups.get(id)?.name ?? id
  }

  sensor(id: string): Known<Sensor> {
    return this.sensors.get(id) ?? { id, quantity: '' }
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

/** The rows to show, given which keys are unfolded. */
export function rows(index: Index, isOpen: (key: string, level: number) => boolean): Row[] {
  const out: Row[] = []
  const hierarchies = index.model.hierarchies
  const used = new Set(hierarchies.map((h) => h.site ?? ''))
  // A row for each site helps when a site has several hierarchies; else it is one more to unfold.
  const withSites = used.size > 1 && used.size < hierarchies.length

  const walk = (h: Known<Hierarchy>, id: string, at: Omit<GroupRow, 'kind' | 'hierarchy' | 'group' | 'open' | 'folds'>, above: Set<string>) => {
    const members = index.groups.get(id)?.members ?? []
    const open = members.length > 0 && isOpen(at.key, at.level)
    out.push({ ...at, kind: 'group', hierarchy: h.id, group: id, open, folds: members.length > 0 })
    if (!open || above.has(id)) return
    const metered = index.metered.has(id)
    const siblings = members.length + (metered ? 1 : 0)
    const inside = new Set(above).add(id)
    members.forEach((m: Member, i) => {
      const base = { parent: at.key, level: at.level + 1, position: i + 1, siblings, within: id, sign: m.sign === -1 ? -1 : 1, site: undefined }
      if (m.group !== undefined) {
        walk(h, m.group, { ...base, key: `${at.key}/${encodeURIComponent(m.group)}`, label: index.groupName(m.group) }, inside)
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
        kind: 'unaccounted', key: `${at.key}/?`, parent: at.key, label: 'Unaccounted', level: at.level + 1, position: siblings, siblings,
        hierarchy: h.id, within: id, open: false, folds: false,
      })
    }
  }

  const top = (hs: Known<Hierarchy>[], level: number, parent: string) => {
    hs.forEach((h, i) => {
      walk(h, h.root, {
        key: `${parent}/${encodeURIComponent(h.id)}`, parent, label: index.hierarchyName(h), level, position: i + 1, siblings: hs.length, within: undefined, sign: 1,
        site: withSites || h.site === undefined ? undefined : (index.sites.get(h.site)?.name ?? h.site),
      }, new Set())
    })
  }

  if (!withSites) {
    top(hierarchies, 1, '')
    return out
  }
  const ids = [...used]
  ids.forEach((id, i) => {
    const site = index.sites.get(id) ?? { id, name: id === '' ? 'Everywhere' : id }
    const key = `@${encodeURIComponent(id)}`
    const open = isOpen(key, 1)
    out.push({ kind: 'site', key, parent: '', label: site.name ?? site.id, level: 1, position: i + 1, siblings: ids.length, open, folds: true, site })
    if (open) top(hierarchies.filter((h) => (h.site ?? '') === id), 2, key)
  })
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

/** How old a sensor's value may be and still count, ms; Infinity when unlimited. */
export function maxAge(s: Pick<Sensor, 'interval' | 'maxAge'>): number {
  if (s.maxAge === 'unlimited') return Infinity
  return duration(s.maxAge) ?? 3 * (duration(s.interval) ?? 60_000)
}
