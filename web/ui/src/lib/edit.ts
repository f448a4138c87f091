// Changes of the model as the server writes them: a patch puts and removes
// things as a whole. The same patch shows at once what it will be.

import type { Known, Model } from '../api/client'
import type { Group, Member, Patch } from '../api/generated/types.gen'

export const kinds = ['sites', 'sensors', 'groups', 'hierarchies'] as const
export type Kind = (typeof kinds)[number]

const removal = { sites: 'removeSites', sensors: 'removeSensors', groups: 'removeGroups', hierarchies: 'removeHierarchies' } as const

/** One and all as the server would have it: nothing of it is shared with what was there, where it differs. */
export function patched(m: Model, p: Patch): Model {
  const out: Model = { ...m }
  for (const kind of kinds) {
    const put = new Map((p[kind] ?? []).map((x) => [x.id ?? '', x]))
    const gone = new Set<string>(p[removal[kind]] ?? [])
    if (put.size === 0 && gone.size === 0) continue
    const list = (m[kind] as Known<{ id?: string }>[]).filter((x) => !gone.has(x.id)).map((x) => {
      const y = put.get(x.id)
      put.delete(x.id)
      return y ?? x
    })
    // A list of one kind keeps its kind.
    ;(out as unknown as Record<Kind, unknown>)[kind] = [...list, ...put.values()]
  }
  return out
}

const sameMember = (m: Member, thing: Thing) => (thing.sensor !== undefined ? m.sensor === thing.sensor : m.group === thing.group)

/** A sensor or a group, as a member. */
export type Thing = { sensor: string; group?: undefined } | { group: string; sensor?: undefined }

function groupOf(m: Model, id: string): Known<Group> {
  const g = m.groups.find((x) => x.id === id)
  if (!g) throw new Gone(id)
  return g
}

/** What was to be changed is not there any more. */
export class Gone extends Error {
  constructor(readonly id: string) {
    super(id)
    this.name = 'Gone'
  }
}

/** The patch of a move, as POST /api/v1/move makes it: the sign stays, a meter becomes an ordinary member. */
export function moved(m: Model, thing: Thing, from: string, to: string, position: number | undefined): Patch {
  return movedAll(m, [{ thing, from }], to, position)
}

/** Several at once, which stand beside each other then, in this order. The position counts what stays. */
export function movedAll(m: Model, all: readonly { thing: Thing; from: string }[], to: string, position: number | undefined): Patch {
  const groups = new Map<string, Known<Group>>()
  const now = (id: string) => groups.get(id) ?? groupOf(m, id)
  const taken = all.map(({ thing, from }) => {
    const was = now(from)
    const entry = was.members?.find((x) => sameMember(x, thing))
    if (!entry) throw new Gone(thing.sensor ?? thing.group)
    groups.set(from, { ...was, members: (was.members ?? []).filter((x) => x !== entry) })
    const plain = { ...entry }
    delete plain.meter
    return plain
  })
  const target = now(to)
  const there = [...(target.members ?? [])]
  there.splice(position ?? there.length, 0, ...taken)
  groups.set(to, { ...target, members: there })
  return { groups: [...groups.values()] }
}

export function withMember(m: Model, group: string, entry: Member, position?: number): Patch {
  const g = groupOf(m, group)
  const members = [...(g.members ?? [])]
  members.splice(position ?? members.length, 0, entry)
  return { groups: [{ ...g, members }] }
}

export function withoutMember(m: Model, group: string, thing: Thing): Patch {
  const g = groupOf(m, group)
  return { groups: [{ ...g, members: (g.members ?? []).filter((x) => !sameMember(x, thing)) }] }
}

export function changedMember(m: Model, group: string, thing: Thing, change: Partial<Pick<Member, 'sign' | 'meter'>>): Patch {
  const g = groupOf(m, group)
  return { groups: [{ ...g, members: (g.members ?? []).map((x) => (sameMember(x, thing) ? { ...x, ...change } : x)) }] }
}

export function newGroup(m: Model, parent: string, group: Known<Group>): Patch {
  return { groups: [group, ...(withMember(m, parent, { group: group.id }).groups ?? [])] }
}

/** The group that is made when there is nothing yet to put a sensor into. */
export const firstGroup = 'all'

/** Makes the first group and a hierarchy of it, at the first site, whose days it then has. */
export function firstHierarchy(m: Model, name: string): Patch {
  const site = m.sites[0]?.id
  return {
    ...(m.groups.some((g) => g.id === firstGroup) ? {} : { groups: [{ id: firstGroup, name }] }),
    hierarchies: [{ id: firstGroup, name, root: firstGroup, ...(site === undefined ? {} : { site }) }],
  }
}

/** A group and all groups below it, the top first. */
export function below(m: Model, group: string): string[] {
  const by = new Map(m.groups.map((g) => [g.id, g]))
  const out: string[] = []
  const walk = (id: string) => {
    if (out.includes(id)) return
    out.push(id)
    for (const x of by.get(id)?.members ?? []) if (x.group !== undefined) walk(x.group)
  }
  walk(group)
  return out
}

/** Takes a group away with the groups below it; sensors stay known. */
export function withoutGroup(m: Model, parent: string, group: string): Patch {
  return { ...withoutMember(m, parent, { group }), removeGroups: below(m, group) }
}

export function withoutHierarchy(m: Model, id: string): Patch {
  const h = m.hierarchies.find((x) => x.id === id)
  if (!h) throw new Gone(id)
  return { removeHierarchies: [id], removeGroups: below(m, h.root) }
}

/** An identifier out of a name, of which there is none yet. */
export function newID(name: string, taken: (id: string) => boolean): string {
  const base =
    name
      .normalize('NFKD')
      .replace(/[\u0300-\u036f]/g, '')
      .replaceAll('ß', 'ss')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 60) || 'group'
  for (let i = 1; ; i++) {
    const id = i === 1 ? base : `${base}-${i}`
    if (!taken(id)) return id
  }
}

/** The same whatever the order of the words and whether something is absent or empty. */
function canonical(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(canonical)
  if (typeof v === 'object' && v !== null) {
    return Object.fromEntries(
      Object.entries(v)
        .filter(([key, x]) => x !== undefined && x !== null && x !== '' && x !== false && !(Array.isArray(x) && x.length === 0) && !(key === 'sign' && x === 1))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([k, x]) => [k, canonical(x)]),
    )
  }
  return v
}

export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b))
}

/** What makes the one model of the other. */
export function difference(from: Model, to: Model): Patch {
  const out: Patch = {}
  for (const kind of kinds) {
    const was = new Map((from[kind] as Known<{ id?: string }>[]).map((x) => [x.id, x]))
    const is = to[kind] as Known<{ id?: string }>[]
    const put = is.filter((x) => !same(was.get(x.id), x))
    for (const x of is) was.delete(x.id)
    if (put.length > 0) (out as Record<Kind, unknown>)[kind] = put
    if (was.size > 0) out[removal[kind]] = [...was.keys()]
  }
  return out
}

export interface FieldChange {
  field: string
  was: string
  is: string
}

export interface ThingChange {
  kind: Kind
  id: string
  name: string
  what: 'added' | 'removed' | 'renamed' | 'moved' | 'changed'
  fields: FieldChange[]
}

const said = (v: unknown): string => (v === undefined || v === null || v === '' ? '' : typeof v === 'string' ? v : typeof v === 'number' || typeof v === 'boolean' ? String(v) : JSON.stringify(v))

const memberKey = (m: Member) => `${m.sign === -1 ? '−' : ''}${m.sensor ?? m.group ?? ''}${m.meter ? ' (meter)' : ''}`

/** What a patch changes in a model, thing by thing; of members only those that come and go. */
export function changes(from: Model, p: Patch): ThingChange[] {
  const out: ThingChange[] = []
  for (const kind of kinds) {
    const was = new Map((from[kind] as Known<{ id?: string; name?: string }>[]).map((x) => [x.id, x]))
    for (const x of (p[kind] ?? []) as { id?: string; name?: string }[]) {
      const id = x.id ?? ''
      const old = was.get(id)
      const fields: FieldChange[] = []
      const a = (old ?? {}) as Record<string, unknown>
      const b = x as Record<string, unknown>
      for (const field of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
        if (field === 'id' || field === 'type' || same({ v: a[field] }, { v: b[field] })) continue
        if (field === 'members') {
          const before = ((a.members ?? []) as Member[]).map(memberKey)
          const after = ((b.members ?? []) as Member[]).map(memberKey)
          const left = before.filter((m) => !after.includes(m))
          const come = after.filter((m) => !before.includes(m))
          fields.push({ field, was: left.join(', '), is: come.length === 0 && left.length === 0 ? '⇅' : come.join(', ') })
        } else {
          fields.push({ field, was: said(a[field]), is: said(b[field]) })
        }
      }
      if (old && fields.length === 0) continue
      out.push({ kind, id, name: x.name ?? old?.name ?? id, what: old ? 'changed' : 'added', fields })
    }
    for (const id of p[removal[kind]] ?? []) {
      const old = was.get(id)
      if (old) out.push({ kind, id, name: old.name ?? id, what: 'removed', fields: [] })
    }
  }
  return out
}
